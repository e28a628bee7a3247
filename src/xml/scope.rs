//! Namespaces in scope. However many there are, one is found in the same time: a stranger's document may ask for each of
//! them on each of its elements.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Bindings of prefixes, nearest last, undone in the opposite order.
pub(super) struct Scope<S> {
    bindings: Vec<Binding<S>>,
    /// Where in `bindings` the nearest of each prefix is.
    nearest: HashMap<S, usize>,
}

struct Binding<S> {
    prefix: S,
    uri: S,
    /// The one that this one hides.
    hidden: Option<usize>,
}

impl<S: Borrow<str> + Clone + Eq + Hash> Scope<S> {
    pub(super) fn new() -> Self {
        Self { bindings: Vec::new(), nearest: HashMap::new() }
    }

    /// How many bindings there are, hidden ones counted: where to [`Scope::undo`] to.
    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }

    pub(super) fn bind(&mut self, prefix: S, uri: S) {
        let hidden = self.nearest.insert(prefix.clone(), self.bindings.len());
        self.bindings.push(Binding { prefix, uri, hidden });
    }

    /// The nearest binding of a prefix: the prefix and its namespace.
    pub(super) fn find(&self, prefix: &str) -> Option<(&S, &S)> {
        let binding = self.bindings.get(*self.nearest.get(prefix)?)?;
        Some((&binding.prefix, &binding.uri))
    }

    /// Whether the nearest binding of a prefix is one of those after the first `len`.
    pub(super) fn has_since(&self, len: usize, prefix: &str) -> bool {
        self.nearest.get(prefix).is_some_and(|at| *at >= len)
    }

    /// The bindings after the first `len`, in order.
    pub(super) fn since(&self, len: usize) -> impl Iterator<Item = (&S, &S)> {
        self.bindings.iter().skip(len).map(|binding| (&binding.prefix, &binding.uri))
    }

    /// Back to the first `len` bindings.
    pub(super) fn undo(&mut self, len: usize) {
        while self.bindings.len() > len {
            match self.bindings.pop() {
                Some(Binding { prefix, hidden: Some(at), .. }) => self.nearest.insert(prefix, at),
                Some(Binding { prefix, .. }) => self.nearest.remove(prefix.borrow()),
                None => return,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_binding_counts_until_it_is_undone() {
        let mut scope = Scope::new();
        scope.bind("a", "urn:1");
        scope.bind("b", "urn:2");
        let before = scope.len();
        scope.bind("a", "urn:3");
        scope.bind("a", "urn:4");
        assert_eq!(scope.find("a"), Some((&"a", &"urn:4")));
        assert!(scope.has_since(before, "a") && !scope.has_since(before, "b"));
        assert_eq!(scope.since(before).map(|(_, uri)| *uri).collect::<Vec<_>>(), ["urn:3", "urn:4"]);
        scope.undo(before);
        assert_eq!((scope.find("a"), scope.find("b")), (Some((&"a", &"urn:1")), Some((&"b", &"urn:2"))));
        scope.undo(0);
        assert_eq!((scope.find("a"), scope.len()), (None, 0));
    }
}
