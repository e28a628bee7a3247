//! A federation as large as there are, in the memory of what is kept of it. One test, because what is measured is the process.

#[path = "metadata/federation.rs"]
mod federation;

use fedfront::dsig::Accepted;
use fedfront::saml::metadata::{Aggregate, MetadataError, MetadataLimits, MetadataReader, MetadataTrust};

use federation::Federation;

const MIB: usize = 1 << 20;

#[test]
fn ten_thousand_service_providers_take_little_memory_whatever_the_document_is() {
    let federation = Federation::new(10_000, 2_000, 20_000);
    reset_peak();
    let before = memory("VmRSS");
    let (read, length) = read(&federation, |_, entity| entity);
    let (peak, after) = (memory("VmHWM").saturating_sub(before), memory("VmRSS").saturating_sub(before));
    let read = read.unwrap();
    println!(
        "{} MiB, {} entities, {} service providers: peak {:.1} MiB, kept {:.1} MiB",
        length / MIB,
        read.entities,
        read.providers.len(),
        peak as f64 / 1024.0,
        after as f64 / 1024.0
    );
    assert!(length > 70 * MIB, "{length} bytes");
    assert_eq!((read.entities, read.providers.len(), read.left_out_count), (12_000, 10_000, 0));
    assert!(read.providers.iter().all(|provider| provider.supports_ecp() && provider.encryption_keys.len() == 1));
    assert!(peak < 70 * 1024, "{peak} KiB");
}

/// What comes of it, and how many bytes it had.
fn read(
    federation: &Federation,
    change: impl Fn(usize, String) -> String,
) -> (Result<Aggregate, MetadataError>, usize) {
    let trust = MetadataTrust::SignedBy { keys: vec![federation.public_key()], accepted: Accepted::Modern };
    let mut reader = MetadataReader::new(trust, MetadataLimits::document(128 * MIB));
    let (mut length, mut outcome) = (0, Ok(()));
    federation.write(change, |piece| {
        length += piece.len();
        if outcome.is_ok() {
            outcome = reader.push(piece);
        }
    });
    (outcome.and_then(|()| reader.finish()), length)
}

/// In KiB.
fn memory(what: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// From here on, `VmHWM` is the highest from here on.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}
