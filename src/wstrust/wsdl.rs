//! What `?wsdl` on an address of the STS answers: WSDL 1.1 with every operation, once for SOAP 1.1 and once for SOAP 1.2.
//!
//! Service, ports, bindings and operations have the names of WSO2's own description, so that what was generated from that one
//! goes on working; messages and Actions are what is really answered, which WSO2's are not. WSO2 has both versions of WS-Trust
//! on one port; CXF, which looks for an operation by the end of its Action, needs ports with one version each, and has them.

use super::mex::{
    Credential, OVER_HTTP, SOAP12, WSAW, WSDL, WSU_IN_WSDL, XSD, empty, literal_bodies, policy, trust_schema,
};
use super::{TrustOperation, TrustVersion, WSP};
use crate::xml::{Ns, Writer};

static TNS: Ns = Ns { prefix: "tns", uri: "http://ws.apache.org/axis2" };
static SOAP11: Ns = Ns { prefix: "soap", uri: "http://schemas.xmlsoap.org/wsdl/soap/" };

const SERVICE: &str = "wso2carbon-sts";
/// The policy's name in WSO2's description, once its scenario 1 is applied.
const POLICY: &str = "UTOverTransport";

/// The schemas that it imports, by the name in `?xsd=`.
pub const SCHEMAS: [(&str, TrustVersion); 2] = [("xsd0", TrustVersion::V200502), ("xsd1", TrustVersion::V13)];

/// The absolute addresses that the description names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The STS itself, for the schemas' locations.
    pub sts: String,
    /// The port for SOAP 1.1.
    pub soap11: String,
    /// The port for SOAP 1.2.
    pub soap12: String,
}

/// `wsdl:definitions`.
pub fn definitions(addresses: &Addresses) -> String {
    let mut w = Writer::document(16 * 1024);
    let (feb2005, v13) = (TrustVersion::V200502.ns(), TrustVersion::V13.ns());
    let declare = [&XSD, feb2005, v13, &TNS, &SOAP11, &SOAP12, &WSAW, &WSP, &WSU_IN_WSDL];
    let names = vec![(None, "name", SERVICE), (None, "targetNamespace", TNS.uri)];
    w.start_with(&WSDL, "definitions", &declare, names);
    policy(&mut w, POLICY, Credential::UserName, TrustVersion::V200502);
    types(&mut w, addresses);
    MESSAGES.iter().for_each(|message| message.write(&mut w));
    CONTRACTS.iter().for_each(|contract| contract.port_type(&mut w));
    ports().for_each(|(contract, soap)| contract.binding(&mut w, soap));
    w.start(&WSDL, "service", &[("name", SERVICE)]);
    ports().for_each(|(contract, soap)| contract.port(&mut w, soap, addresses));
    w.finish()
}

/// The schema of a version, as a document of its own.
pub fn schema(version: TrustVersion) -> String {
    let mut w = Writer::document(1024);
    trust_schema(&mut w, version);
    w.finish()
}

/// A message, and the element of its only part.
struct Message {
    name: &'static str,
    version: TrustVersion,
    element: &'static str,
}

static REQUEST_200502: Message =
    Message { name: "RequestSecurityTokenMsg", version: TrustVersion::V200502, element: "RequestSecurityToken" };
static RESPONSE_200502: Message = Message {
    name: "RequestSecurityTokenResponseMsg",
    version: TrustVersion::V200502,
    element: "RequestSecurityTokenResponse",
};
static REQUEST_13: Message =
    Message { name: "RequestSecurityToken2Msg", version: TrustVersion::V13, element: "RequestSecurityToken" };
static RESPONSE_13: Message = Message {
    name: "RequestSecurityTokenResponse2Msg",
    version: TrustVersion::V13,
    element: "RequestSecurityTokenResponse",
};
static COLLECTION_13: Message = Message {
    name: "RequestSecurityTokenResponseCollection2Msg",
    version: TrustVersion::V13,
    element: "RequestSecurityTokenResponseCollection",
};
static MESSAGES: [&Message; 5] = [&REQUEST_200502, &RESPONSE_200502, &REQUEST_13, &RESPONSE_13, &COLLECTION_13];

impl Message {
    fn write(&self, w: &mut Writer) {
        let element = format!("{}:{}", self.version.ns().prefix, self.element);
        w.start(&WSDL, "message", &[("name", self.name)]);
        empty(w, &WSDL, "part", &[("name", "parameters"), ("element", &element)]);
        w.end();
    }
}

/// The message that asks for an operation, and the one that answers.
fn messages(version: TrustVersion, operation: TrustOperation) -> (&'static Message, &'static Message) {
    match (version, operation) {
        (TrustVersion::V200502, _) => (&REQUEST_200502, &RESPONSE_200502),
        (TrustVersion::V13, TrustOperation::Issue) => (&REQUEST_13, &COLLECTION_13),
        (TrustVersion::V13, _) => (&REQUEST_13, &RESPONSE_13),
    }
}

/// A version of SOAP that ports speak.
struct Soap {
    ns: &'static Ns,
    name: &'static str,
    address: fn(&Addresses) -> &str,
}

static SOAPS: [Soap; 2] = [
    Soap { ns: &SOAP11, name: "Soap11", address: |addresses| &addresses.soap11 },
    Soap { ns: &SOAP12, name: "Soap12", address: |addresses| &addresses.soap12 },
];

/// Operations that are on one port.
struct Contract {
    name: &'static str,
    versions: &'static [TrustVersion],
}

static CONTRACTS: [Contract; 3] = [
    Contract { name: SERVICE, versions: &[TrustVersion::V200502, TrustVersion::V13] },
    Contract { name: "WSTrustFeb2005", versions: &[TrustVersion::V200502] },
    Contract { name: "WSTrust13", versions: &[TrustVersion::V13] },
];

/// What there are ports for.
fn ports() -> impl Iterator<Item = (&'static Contract, &'static Soap)> {
    CONTRACTS.iter().flat_map(|contract| SOAPS.iter().map(move |soap| (contract, soap)))
}

impl Contract {
    fn operations(&self) -> impl Iterator<Item = (String, TrustVersion, TrustOperation)> {
        let named = |version, operation| (self.operation(version, operation), version, operation);
        self.versions.iter().flat_map(move |version| TrustOperation::ALL.map(|operation| named(*version, operation)))
    }

    /// The name of an operation: WSO2's, where there are two of each.
    fn operation(&self, version: TrustVersion, operation: TrustOperation) -> String {
        let name = match operation {
            TrustOperation::Issue => "Issue",
            TrustOperation::Renew => "Renew",
            TrustOperation::Validate => "Validate",
            TrustOperation::Cancel => "Cancel",
        };
        match (self.versions, version) {
            ([_], _) => name.to_owned(),
            (_, TrustVersion::V200502) => format!("{name}Token"),
            (_, TrustVersion::V13) => format!("{name}Token2"),
        }
    }

    fn port_type(&self, w: &mut Writer) {
        w.start(&WSDL, "portType", &[("name", &format!("{}PortType", self.name))]);
        for (name, version, operation) in self.operations() {
            let (request, response) = messages(version, operation);
            let (action, answer) = (version.action(operation), version.answer_action(operation));
            w.start(&WSDL, "operation", &[("name", &name)]);
            for (direction, message, action) in [("input", request, action), ("output", response, answer)] {
                let message = format!("tns:{}", message.name);
                w.start_with(&WSDL, direction, &[], vec![(Some(&WSAW), "Action", action), (None, "message", &message)]);
                w.end();
            }
            w.end();
        }
        w.end();
    }

    fn binding(&self, w: &mut Writer, soap: &Soap) {
        let name = format!("{}{}Binding", self.name, soap.name);
        w.start(&WSDL, "binding", &[("name", &name), ("type", &format!("tns:{}PortType", self.name))]);
        empty(w, &WSP, "PolicyReference", &[("URI", &format!("#{POLICY}"))]);
        empty(w, soap.ns, "binding", &[("style", "document"), ("transport", OVER_HTTP)]);
        for (name, version, operation) in self.operations() {
            w.start(&WSDL, "operation", &[("name", &name)]);
            empty(w, soap.ns, "operation", &[("soapAction", version.action(operation)), ("style", "document")]);
            literal_bodies(w, soap.ns);
            w.end();
        }
        w.end();
    }

    fn port(&self, w: &mut Writer, soap: &Soap, addresses: &Addresses) {
        let name = format!("{}Https{}Endpoint", self.name, soap.name);
        let binding = format!("tns:{}{}Binding", self.name, soap.name);
        w.start(&WSDL, "port", &[("name", &name), ("binding", &binding)]);
        empty(w, soap.ns, "address", &[("location", (soap.address)(addresses))]);
        w.end();
    }
}

fn types(w: &mut Writer, addresses: &Addresses) {
    w.start(&WSDL, "types", &[]);
    w.start(&XSD, "schema", &[("targetNamespace", &format!("{}/Imports", TNS.uri))]);
    for (name, version) in SCHEMAS {
        let location = format!("{}?xsd={name}", addresses.sts);
        empty(w, &XSD, "import", &[("namespace", version.ns().uri), ("schemaLocation", &location)]);
    }
    w.end();
    w.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Element, Limits, parse};

    fn root() -> Element {
        let addresses = Addresses {
            sts: "https://sts.example.com/services/wso2carbon-sts".to_owned(),
            soap11: "https://sts.example.com/eleven".to_owned(),
            soap12: "https://sts.example.com/twelve".to_owned(),
        };
        parse(definitions(&addresses).as_bytes(), &Limits::message(65536)).unwrap().root
    }

    fn names<'e>(parent: &'e Element, what: &'static str) -> Vec<&'e str> {
        parent.children_named(WSDL.uri, what).filter_map(|child| child.attribute("name")).collect()
    }

    #[test]
    fn every_binding_has_the_operations_of_its_port_type_each_with_an_action_of_its_own() {
        let root = root();
        let operations: Vec<Vec<&str>> =
            root.children_named(WSDL.uri, "portType").map(|port_type| names(port_type, "operation")).collect();
        assert_eq!(operations.iter().map(Vec::len).collect::<Vec<_>>(), [8, 4, 4]);
        let bindings: Vec<&Element> = root.children_named(WSDL.uri, "binding").collect();
        assert_eq!(bindings.len(), 6);
        for (index, binding) in bindings.into_iter().enumerate() {
            assert_eq!(names(binding, "operation"), operations[index / SOAPS.len()]);
            assert!(binding.child(SOAPS[index % SOAPS.len()].ns.uri, "binding").is_some());
            let mut actions: Vec<&str> =
                binding.descendants().filter_map(|element| element.attribute("soapAction")).collect();
            assert!(actions.iter().all(|action| TrustOperation::of_action(action).is_some()));
            actions.sort_unstable();
            actions.dedup();
            assert_eq!(actions.len(), operations[index / SOAPS.len()].len());
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let root = root();
        let local = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
        let (messages, bindings) = (names(&root, "message"), names(&root, "binding"));
        let directions = root.descendants().filter_map(|element| element.attribute("message"));
        for message in directions {
            assert!(messages.contains(&local(message).as_str()), "{message}");
        }
        for port in root.child(WSDL.uri, "service").unwrap().elements() {
            assert!(bindings.contains(&local(port.attribute("binding").unwrap()).as_str()));
        }
        let policy = root.child(WSP.uri, "Policy").unwrap();
        assert_eq!(policy.attribute_ns(WSU_IN_WSDL.uri, "Id"), Some(POLICY));
        let references = root.descendants().filter(|element| element.is(WSP.uri, "PolicyReference"));
        assert!(references.map(|reference| reference.attribute("URI")).all(|uri| uri == Some("#UTOverTransport")));
    }

    #[test]
    fn a_collection_answers_only_issue_in_1_3() {
        for version in TrustVersion::ALL {
            for operation in TrustOperation::ALL {
                let collection = messages(version, operation).1.element.ends_with("Collection");
                assert_eq!(collection, (version, operation) == (TrustVersion::V13, TrustOperation::Issue));
            }
        }
    }
}
