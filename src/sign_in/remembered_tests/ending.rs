//! What ends a remembered bind, or keeps one from being remembered.

use super::*;

#[tokio::test]
async fn a_new_password_ends_the_old_one_under_every_name() {
    let subject = Subject::remembering().await;
    subject.accepts(&["new"]);
    assert_eq!(subject.asks("ALICE", "new").await, "in");
    assert_eq!(subject.remembered().await, [""; 0]);
    assert_eq!((subject.invalidated(), subject.entries()), (2, 1));
    assert_eq!(subject.asks("ALICE", "new").await, "remembered");
    assert_eq!(subject.asks("alice", "old").await, "bad_credentials");
    assert_eq!(subject.asks("ALICE", "new").await, "remembered", "a wrong password says nothing about another");
}

#[tokio::test]
async fn the_same_password_by_another_name_ends_nothing() {
    let subject = Subject::remembering().await;
    assert_eq!(subject.asks("al", "old").await, "in");
    assert_eq!(subject.remembered().await, NAMES);
    assert_eq!(subject.invalidated(), 0);
}

#[tokio::test]
async fn a_bind_ends_what_it_speaks_against() {
    use BindRefusal::*;
    let (all, none) = (&NAMES[..], &[][..]);
    for (password, refusal, left) in [
        ("wrong", InvalidCredentials, all),
        ("lost", InvalidCredentials, all),
        ("outage", InvalidCredentials, all),
        ("old", InvalidCredentials, none),
        ("wrong", Disabled, none),
        ("wrong", Locked, none),
        ("wrong", PasswordExpired, none),
        ("old", MustChange, none),
        ("old", AccountExpired, none),
        ("wrong", Other("49/530".to_owned()), none),
    ] {
        let subject = Subject::remembering().await;
        subject.accepts(&[]);
        subject.refuses(refusal.clone());
        subject.asks("al", password).await;
        assert_remembered(&subject, left, &format!("{password} {refusal:?}")).await;
    }
}

#[tokio::test]
async fn a_look_up_ends_what_it_speaks_against() {
    let (all, none) = (&NAMES[..], &[][..]);
    for (what, means, disabled, left) in [
        ("found", Means::Alice, false, all),
        ("disabled", Means::Alice, true, none),
        ("disabled, and another directory is down", Means::AliceDespite, true, none),
        ("found, and another directory is down", Means::AliceDespite, false, all),
        ("nobody", Means::Nobody, false, none),
        ("more than one", Means::Many, false, none),
        ("nobody, but a directory is down", Means::NobodyDespite, false, all),
        ("down", Means::Unknown, false, all),
        ("another by this name", Means::Another, false, &NAMES[1..]),
    ] {
        let name = Username::new("Alice");
        let method = AuthenticationMethod::X509;
        let now = Timestamp::from_unix_millis(0);
        for way in ["password", "certificate", "token", "asker"] {
            let subject = Subject::remembering().await;
            let signed_in = subject.sign_in.by_certificate(&name, method).await;
            let asker = signed_in.unwrap_or_else(|_| panic!("refused"));
            subject.means(means);
            *subject.town.disabled.lock().unwrap() = disabled;
            match way {
                "password" => drop(subject.asks("Alice", "wrong").await),
                "certificate" => drop(subject.sign_in.by_certificate(&name, method).await),
                "token" => drop(subject.sign_in.by_token(&name, method, now).await),
                _ => drop(subject.sign_in.in_the_name_of(&asker, &name, method, now, |_| true).await),
            }
            assert_remembered(&subject, left, &format!("{what}, by {way}")).await;
        }
    }
}

#[tokio::test]
async fn a_look_up_that_finds_a_tokens_subject_gone_ends_what_is_remembered_of_it() {
    for (means, left) in
        [(Means::Alice, &NAMES[..]), (Means::Another, &[]), (Means::Nobody, &[]), (Means::Unknown, &NAMES)]
    {
        let subject = Subject::remembering().await;
        subject.means(means);
        let _ = subject.sign_in.look_up(&Username::new("a name of before"), &id("uid=alice")).await;
        assert_remembered(&subject, left, "looked up").await;
    }
}

#[tokio::test]
async fn a_bind_that_began_before_it_was_refuted_is_not_remembered_after_it() {
    let subject = Arc::new(Subject::new(&[]));
    subject.town.permits.forget_permits(1000);
    let early = subject.binding("alice", "old").await;
    subject.accepts(&["new"]);
    assert_eq!(subject.asks("ALICE", "new").await, "in");
    let late = {
        let subject = subject.clone();
        tokio::spawn(async move { subject.asks("alice", "old").await })
    };
    tokio::task::yield_now().await;
    subject.town.permits.add_permits(1000);
    assert_eq!(early.await.unwrap(), "in", "the directory accepted it when it was asked");
    assert_eq!(late.await.unwrap(), "bad_credentials", "who joined it had asked after the new password was seen");
    assert_eq!(subject.remembered().await, [""; 0]);
}

#[tokio::test]
async fn of_a_directory_with_its_cache_off_only_attempts_at_the_same_time_share_a_bind() {
    let subject = Arc::new(Subject::new(&["town"]));
    for round in 1..=2 {
        let all = join_all((0..100).map(|_| subject.asks("alice", "old"))).await;
        assert_eq!(all.iter().filter(|outcome| **outcome == "in").count(), 1);
        assert_eq!(subject.binds(), round);
    }
    assert_eq!((subject.metric("hit"), subject.metric("miss"), subject.metric("coalesced")), (0, 2, 198));
    assert_eq!(subject.sign_in.flush(None).await.forgotten, 0);
    assert_eq!((subject.entries(), subject.invalidated()), (0, 0));
    let other = Subject::new(&["another"]);
    assert_eq!((other.asks("alice", "old").await, other.asks("alice", "old").await), ("in", "remembered"));
}

#[tokio::test]
async fn each_look_up_of_a_remembered_bind_counts_once() {
    let subject = Subject::remembering().await;
    assert_eq!((subject.metric("hit"), subject.metric("miss"), subject.metric("coalesced")), (2, 2, 0));
    subject.asks("alice", "wrong").await;
    assert_eq!((subject.metric("hit"), subject.metric("miss"), subject.metric("coalesced")), (2, 3, 0));
}

#[tokio::test]
async fn nothing_is_kept_of_binds_that_nobody_remembers() {
    let subject = Subject::remembering().await;
    for at in 0..100 {
        subject.asks("alice", &format!("wrong {at}")).await;
    }
    assert_eq!(subject.sign_in.attempts.binds.entries().len(), NAMES.len());
    subject.sign_in.flush(None).await;
    subject.sign_in.observe().await;
    while !subject.sign_in.attempts.binds.entries().is_empty() {
        tokio::task::yield_now().await;
        subject.sign_in.observe().await;
    }
}
