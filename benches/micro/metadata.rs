//! What reading a federation's metadata costs, beside the digest of its bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fedfront::dsig::Accepted;
use fedfront::saml::metadata::{Aggregate, MetadataLimits, MetadataTrust};
use openssl::sha::sha256;

#[path = "../../tests/metadata/federation.rs"]
mod federation;

use federation::Federation;

pub fn reading(criterion: &mut Criterion) {
    let federation = Federation::new(500, 100, 20_000);
    let mut xml = Vec::new();
    federation.write(|_, entity| entity, |piece| xml.extend_from_slice(piece));
    let mut group = criterion.benchmark_group("metadata of 600 entities");
    group.throughput(Throughput::Bytes(xml.len() as u64)).sample_size(10);
    group.bench_function("raw SHA-256", |b| b.iter(|| sha256(black_box(&xml))));
    for (name, signed) in [("read, signed", true), ("read, the operator's", false)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let keys = vec![federation.public_key()];
                let pinned = MetadataTrust::SignedBy { keys, accepted: Accepted::Modern };
                let trust = if signed { pinned } else { MetadataTrust::Operator };
                Aggregate::read(black_box(&xml), trust, MetadataLimits::document(1 << 30)).unwrap()
            });
        });
    }
    group.finish();
}
