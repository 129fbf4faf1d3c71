package io.resfuse.server;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The files that TLS is served by.
 *
 * @param certificate PEM: the server's certificate, and behind it those that lead to its authority
 * @param key PEM: its private key, in PKCS #8, not encrypted
 */
public record TlsFiles(Path certificate, Path key) {
  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");

  /** Kinds of keys, and what is signed with them. */
  private static final Map<String, String> SIGNATURES =
      Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "EdDSA", "EdDSA");

  /**
   * Reads both.
   *
   * @return a key store of one entry, without a password
   * @throws IllegalArgumentException if they cannot be read, or do not belong together: one line
   *     says which file, and what to do
   */
  public KeyStore keyStore() {
    Certificate[] chain = certificates();
    PrivateKey secret = privateKey();
    if (!belongTogether(chain[0].getPublicKey(), secret)) {
      throw new IllegalArgumentException(
          "the key in %s is not that of the certificate %s; give the key that it was made with"
              .formatted(key, certificate));
    }
    try {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      store.setKeyEntry("server", secret, new char[0], chain);
      return store;
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("TLS cannot be set up: " + e.getMessage(), e);
    }
  }

  private static boolean belongTogether(PublicKey open, PrivateKey secret) {
    String algorithm = secret.getAlgorithm();
    if (!open.getAlgorithm().equals(algorithm)) {
      return false;
    }
    try {
      Signature signature = Signature.getInstance(SIGNATURES.get(algorithm));
      byte[] message = new byte[32];
      signature.initSign(secret);
      signature.update(message);
      byte[] signed = signature.sign();
      signature.initVerify(open);
      signature.update(message);
      return signature.verify(signed);
    } catch (GeneralSecurityException e) {
      // Keys of different curves or lengths, for example.
      return false;
    }
  }

  private Certificate[] certificates() {
    try (InputStream stream = Files.newInputStream(certificate)) {
      Collection<? extends Certificate> chain =
          CertificateFactory.getInstance("X.509").generateCertificates(stream);
      if (chain.isEmpty()) {
        throw new IllegalArgumentException(certificate + " has no certificate; give one as PEM");
      }
      return chain.toArray(Certificate[]::new);
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException(
          "%s is no certificate: %s; give one as PEM".formatted(certificate, e.getMessage()), e);
    } catch (IOException e) {
      throw unreadable(certificate, e);
    }
  }

  private PrivateKey privateKey() {
    String text;
    try {
      text = Files.readString(key, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw unreadable(key, e);
    }
    Matcher matcher = KEY.matcher(text);
    if (!matcher.find()) {
      throw new IllegalArgumentException(
          "%s has no private key in PKCS #8 without a password; 'openssl pkcs8 -topk8 -nocrypt -in %s' writes one"
              .formatted(key, key));
    }
    byte[] encoded;
    try {
      encoded = Base64.getMimeDecoder().decode(matcher.group(1));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(key + " is no PEM: " + e.getMessage(), e);
    }
    for (String algorithm : SIGNATURES.keySet()) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
      } catch (InvalidKeySpecException e) {
        // It is of another kind.
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException("this JDK has no keys by " + algorithm, e);
      }
    }
    throw new IllegalArgumentException(
        key + " holds a key that is neither by RSA nor on an elliptic curve");
  }

  private static IllegalArgumentException unreadable(Path file, IOException e) {
    return new IllegalArgumentException("%s cannot be read: %s".formatted(file, e), e);
  }
}
