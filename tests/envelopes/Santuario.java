import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Security;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.xml.security.Init;
import org.apache.xml.security.c14n.Canonicalizer;
import org.apache.xml.security.keys.KeyInfo;
import org.apache.xml.security.keys.content.X509Data;
import org.apache.xml.security.signature.XMLSignature;
import org.apache.xml.security.transforms.Transforms;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/**
 * Asks Apache Santuario; RSASSA-PSS comes from Bouncy Castle, since the JDK has it under names that
 * Santuario does not use. Each argument is a task, and each task gives one line:
 *
 *   FILE                    core validation with the first certificate of KeyInfo, no trust anchor:
 *                           VALID, INVALID, or ERROR with the reason
 *   RSA|EC,KEY,FILE,OUT     makes the signature of the file anew with a PKCS#8 key (DER), over the
 *                           same properties and certificates, and writes the document in exclusive
 *                           canonical form: SIGNED
 */
public final class Santuario {
    private static final String DS = "http://www.w3.org/2000/09/xmldsig#";
    private static final String XADES = "http://uri.etsi.org/01903/v1.3.2#";
    private static final String PROPERTIES = "http://uri.etsi.org/01903#SignedProperties";

    public static void main(String[] tasks) {
        Security.addProvider(new BouncyCastleProvider());
        Init.init();
        for (String task : tasks) {
            String[] parts = task.split(",");
            try {
                System.out.println(parts.length == 1 ? judge(task) : sign(parts));
            } catch (Exception error) {
                System.out.println("ERROR " + error);
            }
        }
    }

    private static String judge(String file) throws Exception {
        Document document = parse(file);
        Element element = (Element) document.getElementsByTagNameNS(DS, "Signature").item(0);
        XMLSignature signature = new XMLSignature(element, "", true);
        KeyInfo keyInfo = signature.getKeyInfo();
        return signature.checkSignatureValue(keyInfo.getX509Certificate()) ? "VALID" : "INVALID";
    }

    private static String sign(String[] parts) throws Exception {
        byte[] encoded = Files.readAllBytes(Path.of(parts[1]));
        PrivateKey key =
            KeyFactory.getInstance(parts[0]).generatePrivate(new PKCS8EncodedKeySpec(encoded));
        Document document = parse(parts[2]);
        signAgain(document, (Element) document.getElementsByTagNameNS(DS, "Signature").item(0), key);
        Canonicalizer canonicalizer =
            Canonicalizer.getInstance(Canonicalizer.ALGO_ID_C14N_EXCL_OMIT_COMMENTS);
        Files.write(Path.of(parts[3]), canonicalizer.canonicalizeSubtree(document));
        return "SIGNED";
    }

    /** Puts a signature made from scratch in the place of another, over the same properties. */
    private static void signAgain(Document document, Element old, PrivateKey key) throws Exception {
        String exclusive = Canonicalizer.ALGO_ID_C14N_EXCL_OMIT_COMMENTS;
        String digest = algorithm(old, "DigestMethod");
        XMLSignature signature =
            new XMLSignature(document, "", algorithm(old, "SignatureMethod"), exclusive);
        X509Data certificates = new X509Data(document);
        NodeList texts = old.getElementsByTagNameNS(DS, "X509Certificate");
        for (int i = 0; i < texts.getLength(); i++) {
            byte[] der = Base64.getDecoder().decode(texts.item(i).getTextContent());
            certificates.addCertificate(der);
        }
        Node object = old.getElementsByTagNameNS(DS, "Object").item(0);
        old.getParentNode().replaceChild(signature.getElement(), old);
        signature.setId("Signature");
        Transforms whole = new Transforms(document);
        whole.addTransform(Transforms.TRANSFORM_ENVELOPED_SIGNATURE);
        whole.addTransform(exclusive);
        signature.addDocument("", whole, digest, "Envelope", null);
        Transforms part = new Transforms(document);
        part.addTransform(exclusive);
        signature.addDocument("#SignedProperties", part, digest, null, PROPERTIES);
        signature.getKeyInfo().add(certificates);
        signature.getElement().appendChild(object);
        signature.sign(key);
    }

    private static String algorithm(Element element, String name) {
        return ((Element) element.getElementsByTagNameNS(DS, name).item(0)).getAttribute("Algorithm");
    }

    private static Document parse(String file) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Document document = factory.newDocumentBuilder().parse(new File(file));
        Element properties =
            (Element) document.getElementsByTagNameNS(XADES, "SignedProperties").item(0);
        properties.setIdAttribute("Id", true);
        return document;
    }
}
