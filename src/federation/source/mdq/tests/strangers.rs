//! What strangers may make of a query service by naming entities that nobody named before.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// The client of that number, of a site of its own.
fn client(number: u8) -> ClientAddress {
    ClientAddress(std::net::Ipv4Addr::new(198, 51, 100, number).into())
}

/// Somebody sends requests of service providers that they make up.
#[tokio::test]
async fn strangers_cost_the_service_little_and_those_who_are_known_nothing() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(Some(&bench.folder.path("cache")));
    assert_eq!(mdq.knows(A).await, Some(true));
    for odd in ["", "..", "{sha1}11d72e8cf351eb6c75c721e838f469677ab41bdb", "x y:z", &format!("x:{}", "y".repeat(2000))]
    {
        assert_eq!(mdq.knows(odd).await, Some(false), "what is no entityID is not asked for");
    }
    assert_eq!(bench.asked(), 1);
    let mut said = HashMap::new();
    for number in 0..2000 {
        let client = client(u8::try_from(number % 50).unwrap());
        *said.entry(mdq.tells(client, &format!("x:{number}")).await).or_insert(0) += 1;
    }
    assert_eq!(said, HashMap::from([(Some(false), 199), (None, 1801)]), "a budget for all of them");
    assert_eq!(bench.asked(), 200);
    for number in 0..199 {
        assert_eq!(mdq.knows(&format!("x:{number}")).await, Some(false), "what it does not know is remembered");
    }
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), 200));
    assert!(!bench.folder.path("cache").exists(), "nothing of it is on disk");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(mdq.knows("x:1999").await, Some(false), "the budget fills up again");
}

/// They used up what there was for all.
#[tokio::test]
async fn one_stranger_does_not_keep_others_from_service_providers_that_are_new() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(None);
    let mut asked_for = 0;
    for number in 0..500 {
        asked_for += usize::from(mdq.knows(&format!("x:{number}")).await.is_some());
    }
    assert_eq!((asked_for, bench.asked()), (20, 20));
    // By a chance of one in thousands two clients have their share in common.
    let mut others = Vec::new();
    for number in 0..3 {
        others.push(mdq.tells(client(number), A).await);
    }
    assert!(others.contains(&Some(true)), "{others:?}");
    // Whoever waits for the same answer pays once.
    bench.clock.advance(Duration::from_secs(1));
    let together = futures::future::join_all((0..30).map(|_| mdq.knows("x:999"))).await;
    assert_eq!(together, vec![Some(false); 30]);
}

/// Answers that never come are waited for by few, and nobody who is known waits behind them.
#[tokio::test]
async fn silence_is_waited_for_by_few() {
    let bench = Bench::new();
    bench.publishes(A);
    let at_a_time = Arc::new(AtomicUsize::new(0));
    let mdq = bench.mdq(None);
    assert_eq!(mdq.knows(A).await, Some(true));
    let connections = at_a_time.clone();
    let published = answer("200 OK", "", &document(A));
    bench.server.says(move |head| {
        if head.contains("a.example") {
            return published.clone();
        }
        connections.fetch_add(1, Ordering::Relaxed);
        None
    });
    let strangers: Vec<_> = (0..200)
        .map(|number| {
            let mdq = mdq.clone();
            tokio::spawn(async move { mdq.knows(&format!("x:{number}")).await })
        })
        .collect();
    while at_a_time.load(Ordering::Relaxed) < 8 {
        tokio::task::yield_now().await;
    }
    // Too old to be used without asking: it has places of its own.
    bench.clock.advance(5 * HOUR);
    assert_eq!(mdq.knows(A).await, Some(true));
    assert_eq!(bench.server.asked().iter().filter(|head| head.contains("a.example")).count(), 2);
    assert_eq!(at_a_time.load(Ordering::Relaxed), 8);
    tokio::time::pause();
    for stranger in strangers {
        assert_eq!(stranger.await.unwrap(), None);
    }
}

/// Four of each kind: three in a row made an outage, for everybody, that strangers chose.
#[tokio::test]
async fn what_the_service_fails_at_for_one_entity_is_no_outage() {
    let bench = Bench::new();
    let mdq = bench.mdq(None);
    let broken = [
        answer("500 Internal Server Error", "", ""),
        answer("400 Bad Request", "", ""),
        Some(Vec::new()),
        Some(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()),
        answer("200 OK", "", &" ".repeat(1024 * 1024 + 1)),
    ];
    for (kind, broken) in (0..).zip(broken) {
        for number in 0..4 {
            let chosen = format!("x:{kind}:{number}");
            bench.says(&chosen, broken.clone());
            assert_eq!(mdq.tells(client(kind), &chosen).await, None, "{chosen}");
        }
        let honest = format!("https://{kind}.example");
        bench.publishes(&honest);
        assert_eq!(mdq.tells(client(100), &honest).await, Some(true), "{kind}");
    }
    assert_eq!((bench.count("refused"), bench.count("unavailable"), bench.count("success")), (20, 0, 5));
    bench.server.says(|_| answer("503 Service Unavailable", "", ""));
    for number in 0..3 {
        assert_eq!(mdq.tells(client(101), &format!("x:{number}")).await, None);
    }
    let error = mdq.provider("x:3", client(101), now()).await.unwrap_err();
    assert!(error.contains("tried again by and by"), "{error}");
    assert_eq!((bench.count("refused"), bench.count("unavailable")), (20, 3));
}

/// Whatever is known has its end, and a service that renews nothing would be asked without one.
#[tokio::test]
async fn what_is_known_is_asked_for_within_a_budget_too() {
    let bench = Bench::new();
    bench.publishes(A);
    let mdq = bench.mdq(None);
    assert_eq!(mdq.knows(A).await, Some(true));
    bench.clock.advance(5 * HOUR);
    let spend = |known| while mdq.0.memory.load().spend(Asker::Client(CLIENT), known, bench.clock.now()) {};
    spend(true);
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), 1), "due, and used as it is");
    bench.clock.advance(7 * DAY);
    spend(false);
    assert_eq!((mdq.knows(A).await, bench.asked()), (None, 1), "over: the client pays as for any other");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!((mdq.knows(A).await, bench.asked()), (None, 2));
}

#[tokio::test]
async fn strangers_push_nobody_out_whom_somebody_signed_in_to() {
    let bench = Bench::new();
    bench.publishes(A);
    let cache = bench.folder.path("cache");
    let mdq = bench.mdq(Some(&cache));
    assert_eq!(mdq.knows(A).await, Some(true));
    assert!(!cache.exists(), "named is not used");
    assert_eq!(mdq.signs_in(A).await, Some(true));
    is_there(&cache.join(copy_by(&sha256(A.as_bytes())))).await;
    let memory = mdq.0.memory.load();
    let trust = &mdq.works().trust;
    let contents = Contents::read_from(document("x:long").as_bytes(), trust, now()).unwrap();
    for number in 0..100_u8 {
        let long = Entity::of(&contents, "x:long", Validators::default(), 1 << 20, mdq.works().pace, now());
        memory.remember([number; 32], Arc::new(long.unwrap()));
    }
    assert!((2..=17).contains(&memory.settled_len()), "{}", memory.len());
    assert!(memory.entity(&[99; 32]).is_some(), "the last one named has its place at once");
    assert_eq!((mdq.knows(A).await, bench.asked()), (Some(true), 1));
}

#[test]
fn of_too_many_copies_the_one_makes_room_that_was_not_used_for_the_longest_time() {
    let memory = Memory::default();
    let key = |number: u16| sha256(&number.to_be_bytes());
    let at = |number: u16| now().plus(Duration::from_secs(number.into()));
    let before: Vec<_> = (0..5000).map(|number| (key(number), at(number))).collect();
    let useless = memory.has_copies(before, at(5000));
    assert_eq!(useless.len(), 904);
    assert!(!memory.has_copy(&key(903)) && memory.has_copy(&key(904)));
    memory.prove(key(904), at(5000));
    assert_eq!(memory.takes_copy(key(5001), at(5001)), Some(key(905)), "somebody signed in at the one before it");
    assert_eq!(memory.takes_copy(key(5001), at(5002)), None, "its own place is taken already");
    let month = Duration::from_secs(31 * 86_400);
    assert_eq!(Memory::default().has_copies(vec![(key(1), now())], now().plus(month)), [key(1)]);
}
