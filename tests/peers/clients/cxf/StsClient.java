import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.namespace.QName;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.cxf.Bus;
import org.apache.cxf.BusFactory;
import org.apache.cxf.ws.security.SecurityConstants;
import org.apache.cxf.ws.security.tokenstore.SecurityToken;
import org.apache.cxf.ws.security.trust.STSClient;
import org.apache.wss4j.common.ext.WSPasswordCallback;

/**
 * Apache CXF's STSClient on a WSDL: java -cp ... StsClient.java WSDL SERVICE PORT TRUST TOKEN_TYPE KEY_TYPE APPLIES_TO USER
 * PASSWORD OPERATION... — issues a token, does what follows with it, and prints a line for each: the operation and its result.
 */
public final class StsClient {
    public static void main(String[] arguments) throws Exception {
        List<String> given = List.of(arguments);
        String trust = given.get(3);
        Bus bus = BusFactory.getDefaultBus();
        STSClient client = new STSClient(bus);
        client.setWsdlLocation(given.get(0));
        client.setServiceQName(QName.valueOf(given.get(1)));
        client.setEndpointQName(QName.valueOf(given.get(2)));
        client.setNamespace(trust);
        client.setTokenType(given.get(4));
        client.setKeyType(given.get(5));
        client.setEnableAppliesTo(true);
        client.setAllowRenewing(true);
        client.getProperties().put(SecurityConstants.USERNAME, given.get(7));
        client.getProperties().put(SecurityConstants.PASSWORD, given.get(8));
        if (System.getProperty("user.keystore") != null) {
            signWith(client, System.getProperty("user.keystore"), System.getProperty("user.keystore.password"));
        }
        SecurityToken token = client.requestSecurityToken(given.get(6));
        print("Issue", base64(token));
        for (String operation : given.subList(9, given.size())) {
            switch (operation) {
                case "Renew" -> {
                    token = client.renewSecurityToken(token);
                    print(operation, base64(token));
                }
                case "Validate" -> print(operation, validity(client, token));
                case "Cancel" -> print(operation, String.valueOf(client.cancelSecurityToken(token)));
                default -> throw new IllegalArgumentException(operation);
            }
        }
        bus.shutdown(true);
    }

    /** With the one key of a PKCS#12 file, where the policy wants a signature. */
    private static void signWith(STSClient client, String keystore, String password) {
        Properties crypto = new Properties();
        crypto.put("org.apache.wss4j.crypto.provider", "org.apache.wss4j.common.crypto.Merlin");
        crypto.put("org.apache.wss4j.crypto.merlin.keystore.type", "pkcs12");
        crypto.put("org.apache.wss4j.crypto.merlin.keystore.file", keystore);
        crypto.put("org.apache.wss4j.crypto.merlin.keystore.password", password);
        CallbackHandler keyPassword = callbacks -> {
            for (Callback callback : callbacks) {
                ((WSPasswordCallback) callback).setPassword(password);
            }
        };
        client.getProperties().put(SecurityConstants.SIGNATURE_PROPERTIES, crypto);
        client.getProperties().put(SecurityConstants.SIGNATURE_USERNAME, "signing");
        client.getProperties().put(SecurityConstants.CALLBACK_HANDLER, keyPassword);
        // WS-SecurityPolicy has RSA-SHA1 for every algorithm suite, and CXF does as it says unless told otherwise; WCF never did.
        String algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
        client.getProperties().put(SecurityConstants.ASYMMETRIC_SIGNATURE_ALGORITHM, algorithm);
    }

    /** CXF's word for `status/valid` is the token itself, and for `status/invalid` an exception. */
    private static String validity(STSClient client, SecurityToken token) {
        try {
            return client.validateSecurityToken(token).isEmpty() ? "nothing" : "valid";
        } catch (Exception refused) {
            return String.valueOf(refused.getMessage()).replace('\n', ' ');
        }
    }

    private static String base64(SecurityToken token) throws Exception {
        Transformer identity = TransformerFactory.newInstance().newTransformer();
        identity.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        StringWriter text = new StringWriter();
        identity.transform(new DOMSource(token.getToken()), new StreamResult(text));
        return Base64.getEncoder().encodeToString(text.toString().getBytes(StandardCharsets.UTF_8));
    }

    private static void print(String operation, String result) {
        System.out.println(operation + "\t" + result);
    }
}
