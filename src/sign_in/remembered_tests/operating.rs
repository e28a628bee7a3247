//! What operators have forgotten, and are told.

use super::*;

#[tokio::test]
async fn what_is_flushed_while_it_is_under_way_is_not_remembered() {
    let subject = Arc::new(Subject::new(&[]));
    subject.town.permits.forget_permits(1000);
    let asked = subject.binding("alice", "old").await;
    assert_eq!(subject.sign_in.flush(None).await.forgotten, 0);
    subject.town.permits.add_permits(1000);
    assert_eq!(asked.await.unwrap(), "in");
    subject.sign_in.observe().await;
    assert_eq!((subject.remembered().await, subject.entries()), (Vec::new(), 0));
    assert_eq!(subject.asks("alice", "old").await, "in");
    assert_eq!(subject.asks("alice", "old").await, "remembered");
}

#[tokio::test]
async fn a_flush_tells_how_many_it_forgot_and_for_whom_it_cannot_say() {
    let (all, none) = (&NAMES[..], &[][..]);
    for (name, means, doubt, left) in [
        (None, Means::Unknown, "", none),
        (Some("whatever alice is called"), Means::Alice, "", none),
        (Some("UID=Alice"), Means::Nobody, "", none),
        (Some("uid=alice"), Means::Unknown, "", none),
        (Some("alice"), Means::Another, "", none),
        (Some("alice"), Means::Nobody, "nobody", none),
        (Some("alice"), Means::Many, "many", none),
        (Some("alice"), Means::Unknown, "unavailable", none),
        (Some("alice"), Means::AliceDespite, "unavailable", none),
        (Some("whatever alice is called"), Means::Unknown, "unavailable", all),
        (Some("bob"), Means::Nobody, "nobody", all),
        (Some("bob"), Means::Another, "", all),
    ] {
        let subject = Subject::remembering().await;
        subject.means(means);
        let flushed = subject.sign_in.flush(name.map(Username::new).as_ref()).await;
        let told = match flushed.meant.as_ref().and_then(|meant| meant.doubt.as_ref()) {
            None => "",
            Some(Doubt::Nobody) => "nobody",
            Some(Doubt::Ambiguous(names)) => {
                assert_eq!(names.len(), 2);
                "many"
            }
            Some(Doubt::Unavailable(_)) => "unavailable",
        };
        assert_eq!((told, flushed.forgotten), (doubt, NAMES.len() - left.len()), "{name:?}");
        assert_remembered(&subject, left, &format!("{name:?}")).await;
        let forgot = subject.town.forgot.lock().unwrap().clone();
        let entries = flushed.meant.map_or(vec![None], |meant| meant.entries.into_iter().map(Some).collect());
        assert_eq!(forgot, entries, "{name:?}");
    }
}

#[tokio::test]
async fn an_operator_sees_the_failures_of_whom_a_name_means_and_unlocks_them() {
    let subject = Subject::new(&[]);
    assert!(subject.sign_in.failures().await.is_empty());
    subject.means(Means::Another);
    subject.asks("b", "wrong").await;
    subject.means(Means::Alice);
    for at in 0..3 {
        subject.asks("a", &format!("wrong {at}")).await;
    }
    let listed = async || {
        let all = subject.sign_in.failures().await;
        all.iter().map(|one| (one.entry.entry.to_string(), one.summary.failures)).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [("uid=alice".to_owned(), 3), ("uid=another".to_owned(), 1)], "the locked come first");
    for (name, means, found) in [
        ("any name", Means::Alice, 1),
        ("any name", Means::Unknown, 0),
        ("UID=alice", Means::Unknown, 1),
        ("any name", Means::Nobody, 0),
    ] {
        subject.means(means);
        assert_eq!(subject.sign_in.failures_of(&Username::new(name)).await.1.len(), found, "{name}");
    }
    subject.means(Means::Alice);
    assert_eq!(subject.asks("a", "old").await, "locked");
    assert_eq!(subject.sign_in.unlock(&id("uid=alice")).await.map(|was| was.summary.failures), Some(3));
    assert!(subject.sign_in.unlock(&id("uid=alice")).await.is_none());
    assert_eq!(listed().await, [("uid=another".to_owned(), 1)]);
    assert_eq!(subject.asks("a", "old").await, "in");
}

#[tokio::test]
async fn a_dn_alone_is_enough_and_shows_that_nothing_is_counted() {
    let subject = Subject::new(&[]);
    for (name, means, entries) in [
        ("UID=Unseen,dc=x", Means::Unknown, &["uid=unseen,dc=x"][..]),
        ("uid=unseen,dc=x", Means::Nobody, &["uid=unseen,dc=x"]),
        ("unseen", Means::Unknown, &[]),
        ("=unseen", Means::Unknown, &[]),
        ("no type=unseen", Means::Unknown, &[]),
        ("uid=", Means::Unknown, &[]),
        ("uid=alice,dc=x", Means::Alice, &["uid=alice"]),
    ] {
        subject.means(means);
        let (meant, failures) = subject.sign_in.failures_of(&Username::new(name)).await;
        let found: Vec<_> = failures.iter().map(|one| (&*one.entry.entry, one.summary.failures)).collect();
        let expected: Vec<_> = entries.iter().map(|entry| (*entry, 0)).collect();
        assert_eq!((found, meant.doubt.is_some()), (expected, entries.is_empty()), "{name}");
    }
}

#[tokio::test]
async fn whoever_is_unlocked_or_flushed_may_try_the_password_again_that_was_wrong_a_moment_ago() {
    for way in ["unlock", "flush", "flush all"] {
        let subject = Subject::new(&[]);
        subject.accepts(&[]);
        assert_eq!(subject.asks("alice", "right").await, "bad_credentials");
        subject.accepts(&["right"]);
        assert_eq!(subject.asks("alice", "right").await, "bad_credentials", "it is known to be wrong");
        let name = Username::new("alice");
        match way {
            "unlock" => drop(subject.sign_in.unlock(&id("uid=alice")).await),
            "flush" => drop(subject.sign_in.flush(Some(&name)).await),
            _ => drop(subject.sign_in.flush(None).await),
        }
        assert_eq!(subject.asks("alice", "right").await, "in", "{way}");
        assert_eq!(subject.binds(), 2, "{way}");
    }
}

#[tokio::test]
async fn that_a_directory_may_have_counted_was_said_of_a_file_and_of_whom_it_was_just_asked_for() {
    let subject = Subject::new(&[]);
    let (asked, _) = subject.sign_in.failures_of(&Username::new("alice")).await;
    let (alice, in_a_file) = (id("uid=alice"), EntryId { directory: "file".into(), entry: "alice".into() });
    for (meant, entry, may) in [
        (None, &alice, true),
        (Some(&asked), &alice, false),
        (Some(&asked), &id("uid=b"), true),
        (None, &in_a_file, false),
    ] {
        assert_eq!(subject.sign_in.may_have_theirs(meant, entry), may, "{entry:?}");
    }
}

#[tokio::test]
async fn what_the_directory_has_counted_is_told_of_whom_it_was_just_asked_for() {
    let subject = Subject::new(&[]);
    let at = |minutes: i64| Timestamp::from_unix_millis(minutes * 60_000);
    let name = Username::new("alice");
    for (failures, last, refuses) in [(2, at(-1), Some(false)), (3, at(-1), Some(true)), (3, at(-31), None)] {
        *subject.town.counted.lock().unwrap() = Some(FailureCount { failures, last });
        let (_, all) = subject.sign_in.failures_of(&name).await;
        let theirs = all.into_iter().next().unwrap().theirs;
        assert_eq!(theirs.map(|theirs| (theirs.refuses, theirs.until)), refuses.map(|refuses| (refuses, at(29))));
        let refused = if refuses == Some(true) { "locked" } else { "in" };
        assert_eq!(subject.asks("alice", "old").await, refused, "which is what becomes of a sign-in");
        subject.sign_in.flush(None).await;
    }
}
