import java.io.FileInputStream;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.xml.security.Init;
import org.apache.xml.security.signature.SignedInfo;
import org.apache.xml.security.signature.XMLSignature;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NamedNodeMap;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/**
 * Apache Santuario's opinion of signed XML: java -cp ... Verify.java CERTIFICATE ID_ATTRIBUTES FILE... — a line for each file:
 * the name and id of each element that its signatures by that certificate's key cover, or what is wrong.
 */
public final class Verify {
    public static void main(String[] arguments) throws Exception {
        Init.init();
        X509Certificate certificate;
        try (FileInputStream file = new FileInputStream(arguments[0])) {
            certificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(file);
        }
        for (String file : List.of(arguments).subList(2, arguments.length)) {
            System.out.println(opinion(Path.of(file), List.of(arguments[1].split(",")), certificate));
        }
    }

    private static String opinion(Path file, List<String> idAttributes, X509Certificate certificate) {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            Document document = factory.newDocumentBuilder().parse(file.toFile());
            declareIds(document.getDocumentElement(), idAttributes);
            NodeList found = document.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "Signature");
            StringBuilder covered = new StringBuilder("valid");
            for (int index = 0; index < found.getLength(); index++) {
                XMLSignature signature = new XMLSignature((Element) found.item(index), "", true);
                if (!signature.checkSignatureValue(certificate)) {
                    return "invalid: the signature does not verify";
                }
                SignedInfo signed = signature.getSignedInfo();
                for (int each = 0; each < signed.getLength(); each++) {
                    String id = signed.item(each).getURI().substring(1);
                    covered.append(' ').append(document.getElementById(id).getLocalName()).append(' ').append(id);
                }
            }
            return found.getLength() == 0 ? "invalid: no signature" : covered.toString();
        } catch (Exception problem) {
            return "invalid: " + problem.toString().replace('\n', ' ');
        }
    }

    private static void declareIds(Element element, List<String> idAttributes) {
        NamedNodeMap attributes = element.getAttributes();
        for (int index = 0; index < attributes.getLength(); index++) {
            Attr attribute = (Attr) attributes.item(index);
            if (idAttributes.contains(attribute.getLocalName())) {
                element.setIdAttributeNode(attribute, true);
            }
        }
        for (Node child = element.getFirstChild(); child != null; child = child.getNextSibling()) {
            if (child instanceof Element inner) {
                declareIds(inner, idAttributes);
            }
        }
    }
}
