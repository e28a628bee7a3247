//! Splits a document that goes by into entities, and keeps of each only what a service provider is known by.

use std::collections::HashSet;
use std::sync::Arc;

use super::aggregate::{Aggregate, LeftOut, LeftOutReason, MOST_TOLD, MetadataLimits};
use super::entity::{Check, Entity};
use super::sp::{MetadataError, earlier};
use crate::dsig::Trusted;
use crate::model::Timestamp;
use crate::saml::names::MD;
use crate::xml::{Element, Events, ParseError, duration};

/// About how many bytes all service providers of a document together may keep in memory.
const MOST_KEPT: usize = 128 << 20;

/// `saml-metadata-rpi-v1.0`: who published a document, and when.
const MDRPI: &str = "urn:oasis:names:tc:SAML:metadata:rpi";

/// Of a name that is told to the operator.
const LONGEST_NAME: usize = 256;

pub(super) struct Splitter {
    limits: MetadataLimits,
    /// Who must have signed what is signed within the document; nobody: it is not looked at.
    trusted: Option<Arc<Trusted>>,
    /// `md:EntitiesDescriptor` that are open, outermost first.
    groups: Vec<Group>,
    /// Namespaces that the open groups declare, nearest last.
    scope: Vec<(Arc<str>, Arc<str>)>,
    /// The entity that is open.
    entity: Option<Entity>,
    /// How many elements are open that are neither, as a group's extensions.
    skipped: usize,
    found: Aggregate,
    /// The entityIDs of all service providers, those left out as well: the first has the name, whatever becomes of it.
    known: HashSet<Box<str>>,
    kept: usize,
    begun: bool,
    /// How many elements are open.
    depth: usize,
    /// Whether the child of the document element that is open has its extensions.
    in_extensions: bool,
}

struct Group {
    name: String,
    /// The earliest of its own and of those above.
    until: Option<Timestamp>,
    check: Option<Check>,
    /// How many providers there were before it.
    providers: usize,
    /// How many namespaces there were in scope.
    scope: usize,
}

impl Splitter {
    pub(super) fn new(limits: MetadataLimits, trusted: Option<Arc<Trusted>>) -> Self {
        Self {
            limits,
            trusted,
            groups: Vec::new(),
            scope: Vec::new(),
            entity: None,
            skipped: 0,
            found: Aggregate::default(),
            known: HashSet::new(),
            kept: 0,
            begun: false,
            depth: 0,
            in_extensions: false,
        }
    }

    /// What was found, once the document has ended.
    pub(super) fn into_aggregate(self) -> Aggregate {
        self.found
    }

    /// Notes when the document says that it was made; one that cannot be read is as none.
    fn note_creation(&mut self, element: &Element) {
        match self.depth {
            2 => self.in_extensions = element.is(MD.uri, "Extensions"),
            3 if self.in_extensions && element.is(MDRPI, "PublicationInfo") => {
                let created = element.attribute("creationInstant").and_then(|instant| Timestamp::parse(instant).ok());
                self.found.created = self.found.created.or(created);
            }
            _ => {}
        }
    }

    fn begin(&mut self, element: Element) -> Result<(), MetadataError> {
        let [is_entity, is_group] = ["EntityDescriptor", "EntitiesDescriptor"].map(|name| element.is(MD.uri, name));
        if !is_entity && !is_group {
            // Anything may stand in a group; only these two are metadata of their own.
            self.skipped = 1;
            return if self.begun { Ok(()) } else { Err(MetadataError::NotMetadata) };
        }
        if !self.begun {
            self.found.valid_until = earlier(None, &element)?;
        }
        self.begun = true;
        if is_entity { self.begin_entity(element) } else { self.begin_group(element) }
    }

    fn begin_entity(&mut self, element: Element) -> Result<(), MetadataError> {
        self.found.entities += 1;
        if self.found.entities > self.limits.entities {
            return Err(ParseError::TooLarge("entities").into());
        }
        self.entity = Some(Entity::new(element, &self.scope, self.trusted.as_ref(), self.limits.entity_bytes)?);
        Ok(())
    }

    fn begin_group(&mut self, element: Element) -> Result<(), MetadataError> {
        if self.groups.len() >= self.limits.nesting {
            return Err(ParseError::TooLarge("groups within groups").into());
        }
        let above = self.groups.last().and_then(|group| group.until);
        let check = self.trusted.as_ref().map(|trusted| Check::new(trusted.clone(), self.scope.clone()));
        let mut group = Group {
            name: element.attribute("Name").unwrap_or("a group without a name").to_owned(),
            until: earlier(above, &element)?,
            check,
            providers: self.found.providers.len(),
            scope: self.scope.len(),
        };
        self.scope.extend(element.declarations.iter().cloned());
        if let Some(check) = &mut group.check {
            check.start(&element);
        }
        self.groups.push(group);
        Ok(())
    }

    fn end_group(&mut self) {
        let Some(group) = self.groups.pop() else { return };
        self.scope.truncate(group.scope);
        if let Some(Err(why)) = group.check.map(Check::verdict) {
            self.found.providers.truncate(group.providers);
            self.leave_out(&group.name, LeftOutReason::Signature(why));
        }
    }

    fn end_entity(&mut self) -> Result<(), MetadataError> {
        let Some((id, outcome)) = self.entity.take().and_then(|entity| {
            let until = self.groups.last().and_then(|group| group.until);
            entity.finish(until)
        }) else {
            return Ok(());
        };
        if !self.known.insert(id.as_str().into()) {
            self.leave_out(&id, LeftOutReason::Duplicate);
            return Ok(());
        }
        self.kept += id.len();
        match outcome {
            Err(why) => self.leave_out(&id, why),
            Ok(provider) => {
                self.kept += provider.size();
                self.found.providers.push(Arc::new(provider));
            }
        }
        if self.kept > MOST_KEPT { Err(ParseError::TooLarge("what is kept of entities").into()) } else { Ok(()) }
    }

    fn leave_out(&mut self, name: &str, why: LeftOutReason) {
        self.found.left_out_count += 1;
        if self.found.left_out.len() < MOST_TOLD {
            self.found.left_out.push(LeftOut { name: name.chars().take(LONGEST_NAME).collect(), why });
        }
    }

    /// What each open group's signature covers goes by it.
    fn checks(&mut self) -> impl Iterator<Item = &mut Check> {
        self.groups.iter_mut().filter_map(|group| group.check.as_mut())
    }
}

impl Events for Splitter {
    type Error = MetadataError;

    fn start(&mut self, element: Element) -> Result<(), MetadataError> {
        self.checks().for_each(|check| check.start(&element));
        self.depth += 1;
        self.note_creation(&element);
        if &*element.name.namespace == MD.uri
            && let Some(hint) = element.attribute("cacheDuration").and_then(duration)
        {
            let shortest = &mut self.found.cache_duration;
            *shortest = Some(shortest.map_or(hint, |shorter| shorter.min(hint)));
        }
        if let Some(entity) = &mut self.entity {
            entity.start(element)
        } else if self.skipped > 0 {
            self.skipped += 1;
            Ok(())
        } else {
            self.begin(element)
        }
    }

    fn end(&mut self) -> Result<(), MetadataError> {
        self.checks().for_each(Check::end);
        self.depth = self.depth.saturating_sub(1);
        if let Some(entity) = &mut self.entity {
            entity.end()?;
            return if entity.is_open() { Ok(()) } else { self.end_entity() };
        }
        if self.skipped > 0 {
            self.skipped -= 1;
        } else {
            self.end_group();
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), MetadataError> {
        self.checks().for_each(|check| check.text(text));
        self.entity.as_mut().map_or(Ok(()), |entity| entity.text(text))
    }

    fn comment(&mut self, text: &str) -> Result<(), MetadataError> {
        self.entity.as_mut().map_or(Ok(()), |entity| entity.comment(text))
    }
}
