import com.google.crypto.tink.DeterministicAead;
import com.google.crypto.tink.InsecureSecretKeyAccess;
import com.google.crypto.tink.KeysetHandle;
import com.google.crypto.tink.RegistryConfiguration;
import com.google.crypto.tink.TinkJsonProtoKeysetFormat;
import com.google.crypto.tink.daead.DeterministicAeadConfig;
import com.google.crypto.tink.keyderivation.KeyDerivationConfig;
import com.google.crypto.tink.keyderivation.KeysetDeriver;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;

/**
 * Deterministic AEAD by Tink for Java, with a keyset as it is or with the one that a deriver derives for a salt: a JSON request on
 * stdin, a JSON answer on stdout.
 */
public final class Derive {
  public static void main(String[] arguments) throws Exception {
    DeterministicAeadConfig.register();
    KeyDerivationConfig.register();
    JsonObject request = JsonParser.parseReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).getAsJsonObject();
    KeysetHandle keyset =
        TinkJsonProtoKeysetFormat.parseKeyset(request.get("keyset").getAsString(), InsecureSecretKeyAccess.get());
    if (!request.get("salt").isJsonNull()) {
      keyset = keyset.getPrimitive(RegistryConfiguration.get(), KeysetDeriver.class).deriveKeyset(bytes(request.get("salt")));
    }
    DeterministicAead primitive = keyset.getPrimitive(RegistryConfiguration.get(), DeterministicAead.class);
    byte[] associated = bytes(request.get("associated"));

    JsonArray encrypted = new JsonArray();
    for (JsonElement one : request.getAsJsonArray("plaintexts")) {
      encrypted.add(text(primitive.encryptDeterministically(bytes(one), associated)));
    }
    JsonArray decrypted = new JsonArray();
    for (JsonElement one : request.getAsJsonArray("ciphertexts")) {
      try {
        decrypted.add(text(primitive.decryptDeterministically(bytes(one), associated)));
      } catch (GeneralSecurityException refused) {
        decrypted.add(JsonNull.INSTANCE);
      }
    }
    JsonObject answer = new JsonObject();
    answer.addProperty("keyset", TinkJsonProtoKeysetFormat.serializeKeyset(keyset, InsecureSecretKeyAccess.get()));
    answer.add("encrypted", encrypted);
    answer.add("decrypted", decrypted);
    System.out.print(answer);
  }

  private static byte[] bytes(JsonElement base64) {
    return Base64.getDecoder().decode(base64.getAsString());
  }

  private static String text(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }
}
