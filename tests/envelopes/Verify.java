import java.io.File;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.xml.security.Init;
import org.apache.xml.security.keys.KeyInfo;
import org.apache.xml.security.signature.XMLSignature;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/**
 * Asks Apache Santuario about each file given: core validation with the first certificate of
 * KeyInfo. It knows no trust anchor. One line per file: VALID, INVALID, or ERROR with the reason.
 */
public final class Verify {
    private static final String DS = "http://www.w3.org/2000/09/xmldsig#";
    private static final String XADES = "http://uri.etsi.org/01903/v1.3.2#";

    public static void main(String[] files) {
        Init.init();
        for (String file : files) {
            System.out.println(judge(file));
        }
    }

    private static String judge(String file) {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            Document document = factory.newDocumentBuilder().parse(new File(file));
            Element properties =
                (Element) document.getElementsByTagNameNS(XADES, "SignedProperties").item(0);
            properties.setIdAttribute("Id", true);
            Element element = (Element) document.getElementsByTagNameNS(DS, "Signature").item(0);
            XMLSignature signature = new XMLSignature(element, "", true);
            KeyInfo keyInfo = signature.getKeyInfo();
            return signature.checkSignatureValue(keyInfo.getX509Certificate()) ? "VALID" : "INVALID";
        } catch (Exception error) {
            return "ERROR " + error;
        }
    }
}
