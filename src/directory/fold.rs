//! Names as directories and databases compare them, for counting failures where nobody can be looked up before a bind.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_normalizer::uts46::Uts46MapperBorrowed;

/// The name without what directories do not look at when they compare names: case, width and other forms of one character,
/// what cannot be seen, runs of spaces (RFC 4518), and accents (Active Directory, and collations of databases).
pub(super) fn fold(name: &str) -> String {
    let (mapper, decompositions) = (Uts46MapperBorrowed::new(), DecomposingNormalizerBorrowed::new_nfd());
    let classes = CanonicalCombiningClassMapBorrowed::new();
    // What UTS 46 leaves to its callers: letters that fold to others, and joiners.
    let plain: String = name.replace(['ß', 'ẞ'], "ss").replace('ς', "σ").replace(['\u{200c}', '\u{200d}'], "");
    let spaced = plain.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let mapped = decompositions.normalize_iter(mapper.map_normalize(spaced)).filter(|c| classes.get_u8(*c) == 0);
    let folded: String = mapped.collect::<String>().to_lowercase();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}
