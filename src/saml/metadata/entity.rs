//! One entity of a document that goes by.

use std::sync::Arc;

use super::ServiceProvider;
use super::aggregate::LeftOutReason;
use super::sp::{MetadataError, service_provider, speaks_saml2};
use crate::dsig::{DS, PassingElement, Trusted, VerifyError};
use crate::model::Timestamp;
use crate::saml::names::MD;
use crate::xml::{Element, Events as _, TreeBuilder};

/// `sstc-saml-metadata-ui`: names and logos for people.
const MDUI: &str = "urn:oasis:names:tc:SAML:metadata:ui";

/// An entity that is open: a tree of what is needed of it, and its signatures.
pub(super) struct Entity {
    id: Option<String>,
    /// `None` once it has become too large.
    tree: Option<TreeBuilder>,
    /// About how many bytes are in the tree, and how many may be.
    size: usize,
    most: usize,
    /// How many elements are open, the entity itself among them.
    depth: usize,
    /// How many of them are not in the tree.
    skipped: usize,
    is_provider: bool,
    check: Option<Check>,
    /// Those of its roles of a service provider.
    role: Option<Check>,
    wrong: Option<String>,
    trusted: Option<Arc<Trusted>>,
    /// Namespaces in scope in the entity, nearest last.
    scope: Vec<(Arc<str>, Arc<str>)>,
}

impl Entity {
    pub(super) fn new(
        element: Element,
        scope: &[(Arc<str>, Arc<str>)],
        trusted: Option<&Arc<Trusted>>,
        most: usize,
    ) -> Result<Self, MetadataError> {
        let mut entity = Self {
            id: element.attribute("entityID").map(str::to_owned),
            tree: Some(TreeBuilder::default()),
            size: 0,
            most,
            depth: 1,
            skipped: 0,
            is_provider: false,
            check: trusted.map(|trusted| Check::new(trusted.clone(), scope.to_vec())),
            role: None,
            wrong: None,
            trusted: trusted.cloned(),
            scope: scope.iter().chain(&element.declarations).cloned().collect(),
        };
        if let Some(check) = &mut entity.check {
            check.start(&element);
        }
        entity.keep(element)?;
        Ok(entity)
    }

    /// Whether it has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.depth > 0
    }

    pub(super) fn start(&mut self, element: Element) -> Result<(), MetadataError> {
        self.depth += 1;
        if self.depth == 2 && is_provider(&element) {
            self.is_provider |= speaks_saml2(&element);
            let trusted = self.trusted.as_ref();
            self.role = trusted.map(|trusted| Check::new(trusted.clone(), self.scope.clone()));
        }
        self.checks().for_each(|check| check.start(&element));
        if self.skipped > 0 || !self.is_wanted(&element) {
            self.skipped += 1;
            return Ok(());
        }
        self.keep(element)
    }

    pub(super) fn end(&mut self) -> Result<(), MetadataError> {
        self.checks().for_each(Check::end);
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 1
            && let Some(Err(why)) = self.role.take().map(Check::verdict)
        {
            self.wrong = Some(why);
        }
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let Some(tree) = &mut self.tree {
            tree.end()?;
        }
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), MetadataError> {
        self.checks().for_each(|check| check.text(text));
        if self.skipped == 0 {
            self.grow(text.len());
            self.tree.as_mut().map_or(Ok(()), |tree| tree.text(text))?;
        }
        Ok(())
    }

    /// Kept, so that a value with one in it is seen to be broken.
    pub(super) fn comment(&mut self, text: &str) -> Result<(), MetadataError> {
        if self.skipped == 0 {
            self.grow(text.len());
            self.tree.as_mut().map_or(Ok(()), |tree| tree.comment(text))?;
        }
        Ok(())
    }

    /// Its entityID and what is known of it; `None` if it is no service provider of SAML 2.0. `until` is the earliest
    /// `validUntil` above.
    pub(super) fn finish(self, until: Option<Timestamp>) -> Option<(String, Result<ServiceProvider, LeftOutReason>)> {
        let id = self.id.filter(|_| self.is_provider)?;
        let wrong = self.check.map(Check::verdict).and_then(Result::err).or(self.wrong);
        if let Some(why) = wrong {
            return Some((id, Err(LeftOutReason::Signature(why))));
        }
        let Some(entity) = self.tree.and_then(TreeBuilder::into_root) else {
            return Some((id, Err(LeftOutReason::TooLarge)));
        };
        match service_provider(&entity, until) {
            Ok(provider) => Some((id, Ok(provider?))),
            Err(_) => Some((id, Err(LeftOutReason::ValidUntil))),
        }
    }

    fn checks(&mut self) -> impl Iterator<Item = &mut Check> {
        self.check.iter_mut().chain(&mut self.role)
    }

    /// What is read of a service provider, and a little more; least of all what an identity provider says of itself.
    fn is_wanted(&self, element: &Element) -> bool {
        let md = |names: &[&str]| &*element.name.namespace == MD.uri && names.contains(&element.name.local.as_str());
        if self.depth == 2 {
            return is_provider(element) || md(&["Extensions"]);
        }
        &*element.name.namespace != MDUI
            && !element.is(DS.uri, "Signature")
            && !md(&["Organization", "ContactPerson", "SingleLogoutService", "ManageNameIDService"])
    }

    fn keep(&mut self, element: Element) -> Result<(), MetadataError> {
        let attributes = element.attributes.iter().map(|attribute| 64 + attribute.value.len());
        self.grow(128 + attributes.sum::<usize>());
        self.tree.as_mut().map_or(Ok(()), |tree| tree.start(element))?;
        Ok(())
    }

    fn grow(&mut self, by: usize) {
        self.size += by;
        if self.size > self.most {
            self.tree = None;
        }
    }
}

fn is_provider(element: &Element) -> bool {
    element.is(MD.uri, "SPSSODescriptor")
}

/// The signature that an element within the document may have of its own.
pub(super) struct Check {
    /// `None` where nothing more is to be seen.
    passing: Option<PassingElement<()>>,
    depth: usize,
    wrong: Option<String>,
}

impl Check {
    pub(super) fn new(trusted: Arc<Trusted>, scope_above: Vec<(Arc<str>, Arc<str>)>) -> Self {
        Self { passing: Some(PassingElement::new(trusted, scope_above, ())), depth: 0, wrong: None }
    }

    pub(super) fn start(&mut self, element: &Element) {
        self.depth += 1;
        let signature = self.depth == 2 && element.is(DS.uri, "Signature");
        if self.passing.is_some() {
            self.step(|passing| passing.start(element.clone()));
        } else if signature && self.wrong.is_none() {
            self.wrong = Some("it is not the first in the element".to_owned());
        }
        // Most elements are not signed, and then there is nothing to do for what is in them.
        self.passing = self.passing.take().filter(|passing| !passing.is_unsigned());
    }

    pub(super) fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.step(PassingElement::end);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.step(|passing| passing.text(text));
    }

    /// Why the element may not be believed, once it has ended. One that is not signed may be.
    pub(super) fn verdict(self) -> Result<(), String> {
        match (self.wrong, self.passing) {
            (Some(why), _) => Err(why),
            (None, Some(passing)) if passing.is_signed() => passing.finish().map_err(|error| error.to_string()),
            (None, _) => Ok(()),
        }
    }

    fn step(&mut self, step: impl FnOnce(&mut PassingElement<()>) -> Result<(), VerifyError>) {
        if let Some(Err(error)) = self.passing.as_mut().map(step) {
            self.wrong = Some(error.to_string());
            self.passing = None;
        }
    }
}
