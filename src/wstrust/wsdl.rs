//! What `?wsdl` on an address of the STS answers: WSDL 1.1 with every operation of both versions, once for SOAP 1.1 and once
//! for SOAP 1.2. Service, ports, bindings and operations have the names of WSO2's own description, so that what was generated
//! from that one goes on working; messages and Actions are what is really answered, which WSO2's are not.

use super::mex::{
    Credential, OVER_HTTP, SOAP12, WSAW, WSDL, WSU_IN_WSDL, XSD, empty, literal_bodies, policy, trust_schema,
};
use super::{TrustOperation, TrustVersion, WSP};
use crate::xml::{Ns, Writer};

static TNS: Ns = Ns { prefix: "tns", uri: "http://ws.apache.org/axis2" };
static SOAP11: Ns = Ns { prefix: "soap", uri: "http://schemas.xmlsoap.org/wsdl/soap/" };

const PORT_TYPE: &str = "wso2carbon-stsPortType";
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
    let names = vec![(None, "name", "wso2carbon-sts"), (None, "targetNamespace", TNS.uri)];
    w.start_with(&WSDL, "definitions", &declare, names);
    policy(&mut w, POLICY, Credential::UserName, TrustVersion::V200502);
    types(&mut w, addresses);
    MESSAGES.iter().for_each(|message| message.write(&mut w));
    port_type(&mut w);
    for port in &PORTS {
        port.binding(&mut w);
    }
    w.start(&WSDL, "service", &[("name", "wso2carbon-sts")]);
    for port in &PORTS {
        port.write(&mut w, addresses);
    }
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

/// An operation: its name in WSO2's description, and what asks and answers it.
struct Described {
    name: &'static str,
    version: TrustVersion,
    operation: TrustOperation,
}

impl Described {
    fn messages(&self) -> (&'static Message, &'static Message) {
        match (self.version, self.operation) {
            (TrustVersion::V200502, _) => (&REQUEST_200502, &RESPONSE_200502),
            (TrustVersion::V13, TrustOperation::Issue) => (&REQUEST_13, &COLLECTION_13),
            (TrustVersion::V13, _) => (&REQUEST_13, &RESPONSE_13),
        }
    }
}

static OPERATIONS: [Described; 8] = [
    Described { name: "IssueToken", version: TrustVersion::V200502, operation: TrustOperation::Issue },
    Described { name: "RenewToken", version: TrustVersion::V200502, operation: TrustOperation::Renew },
    Described { name: "ValidateToken", version: TrustVersion::V200502, operation: TrustOperation::Validate },
    Described { name: "CancelToken", version: TrustVersion::V200502, operation: TrustOperation::Cancel },
    Described { name: "IssueToken2", version: TrustVersion::V13, operation: TrustOperation::Issue },
    Described { name: "RenewToken2", version: TrustVersion::V13, operation: TrustOperation::Renew },
    Described { name: "ValidateToken2", version: TrustVersion::V13, operation: TrustOperation::Validate },
    Described { name: "CancelToken2", version: TrustVersion::V13, operation: TrustOperation::Cancel },
];

/// A binding and its only port: all operations in one version of SOAP.
struct Port {
    soap: &'static Ns,
    binding: &'static str,
    name: &'static str,
    address: fn(&Addresses) -> &str,
}

static PORTS: [Port; 2] = [
    Port {
        soap: &SOAP11,
        binding: "wso2carbon-stsSoap11Binding",
        name: "wso2carbon-stsHttpsSoap11Endpoint",
        address: |addresses| &addresses.soap11,
    },
    Port {
        soap: &SOAP12,
        binding: "wso2carbon-stsSoap12Binding",
        name: "wso2carbon-stsHttpsSoap12Endpoint",
        address: |addresses| &addresses.soap12,
    },
];

impl Port {
    fn binding(&self, w: &mut Writer) {
        w.start(&WSDL, "binding", &[("name", self.binding), ("type", &format!("tns:{PORT_TYPE}"))]);
        empty(w, &WSP, "PolicyReference", &[("URI", &format!("#{POLICY}"))]);
        empty(w, self.soap, "binding", &[("style", "document"), ("transport", OVER_HTTP)]);
        for described in &OPERATIONS {
            let action = described.version.action(described.operation);
            w.start(&WSDL, "operation", &[("name", described.name)]);
            empty(w, self.soap, "operation", &[("soapAction", action), ("style", "document")]);
            literal_bodies(w, self.soap);
            w.end();
        }
        w.end();
    }

    fn write(&self, w: &mut Writer, addresses: &Addresses) {
        w.start(&WSDL, "port", &[("name", self.name), ("binding", &format!("tns:{}", self.binding))]);
        empty(w, self.soap, "address", &[("location", (self.address)(addresses))]);
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

fn port_type(w: &mut Writer) {
    w.start(&WSDL, "portType", &[("name", PORT_TYPE)]);
    for described in &OPERATIONS {
        let (request, response) = described.messages();
        let action = described.version.action(described.operation);
        let answer = described.version.answer_action(described.operation);
        w.start(&WSDL, "operation", &[("name", described.name)]);
        for (direction, message, action) in [("input", request, action), ("output", response, answer)] {
            let message = format!("tns:{}", message.name);
            w.start_with(&WSDL, direction, &[], vec![(Some(&WSAW), "Action", action), (None, "message", &message)]);
            w.end();
        }
        w.end();
    }
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
    fn every_operation_is_in_both_bindings_with_its_own_action() {
        let root = root();
        let port_type = root.child(WSDL.uri, "portType").unwrap();
        let operations = names(port_type, "operation");
        assert_eq!(operations.len(), TrustVersion::ALL.len() * TrustOperation::ALL.len());
        for (soap, binding) in [&SOAP11, &SOAP12].into_iter().zip(root.children_named(WSDL.uri, "binding")) {
            assert_eq!(names(binding, "operation"), operations);
            let mut actions: Vec<&str> =
                binding.descendants().filter_map(|element| element.attribute("soapAction")).collect();
            actions.dedup();
            assert_eq!(actions.len(), operations.len());
            assert!(actions.iter().all(|action| TrustOperation::of_action(action).is_some()));
            assert!(binding.child(soap.uri, "binding").is_some());
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let root = root();
        let local = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
        let messages = names(&root, "message");
        let bindings = names(&root, "binding");
        for operation in root.child(WSDL.uri, "portType").unwrap().elements() {
            for direction in operation.elements() {
                let message = local(direction.attribute("message").unwrap());
                assert!(messages.contains(&message.as_str()), "{message}");
            }
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
        let collections = OPERATIONS.iter().filter(|described| described.messages().1.element.ends_with("Collection"));
        assert_eq!(collections.map(|described| described.name).collect::<Vec<_>>(), ["IssueToken2"]);
    }
}
