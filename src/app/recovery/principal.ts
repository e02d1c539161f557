import { MasklineError } from "../../errors.ts";
import { parseAnyRing, requireRoots } from "../../keys/any-ring.ts";
import { splitReference } from "../../keys/providers/stores.ts";
import type { KeyRing } from "../../keys/ring.ts";
import type { Wrapping } from "../../keys/wrapping.ts";
import type { Settings } from "../config/load.ts";
import { awsPlace, ringPlace, type RingPlace } from "../keys/ring-place.ts";
import { openStoredRing } from "../keys/stored-ring.ts";

/** As `openFullRing`, with whoever AWS says has opened it. */
export interface AttributedRing {
  readonly ring: KeyRing;
  /** The ARN that the audit is to tell; null where the ring is none of AWS. */
  readonly principal: string | null;
}

/** @throws MasklineError `keyring_rootless`; `audit_unwritable` where AWS does not say who has opened a ring of AWS */
export async function openAttributedRing(settings: Settings): Promise<AttributedRing> {
  const place = ringPlace(settings);
  const stored = await openStoredRing(place);
  const ring = requireRoots(parseAnyRing(stored.text));
  return { ring, principal: await awsPrincipal(place, stored.wrapping) };
}

/**
 * The ARN of whoever has opened a ring that AWS keeps or has wrapped; null for any other ring, about which AWS is not asked.
 * @throws MasklineError `audit_unwritable` where AWS does not say: an act would stand there without its principal
 */
async function awsPrincipal({ keyring }: RingPlace, wrapping: Pick<Wrapping, "kind" | "key">): Promise<string | null> {
  const [scheme, name] = splitReference(keyring.from);
  if (!scheme.startsWith("aws-") && wrapping.kind !== "aws-kms") return null;
  const { callerIdentity } = await import("../../keys/providers/aws-sts.ts");
  return callerIdentity(awsPlace(keyring), wrapping.key ?? name).catch((error: unknown) => {
    throw unattributed(error);
  });
}

function unattributed(error: unknown): unknown {
  if (!(error instanceof MasklineError) || !error.code.startsWith("key_service_")) return error;
  const { code, message, next } = error;
  return new MasklineError(
    "audit_unwritable",
    `the key ring is of AWS, so the audit tells who AWS says is asking, and AWS did not say (${message}); nothing was opened or changed`,
    {
      next:
        code === "key_service_unreachable"
          ? "let STS of the ring's region be reached from here (AWS_ENDPOINT_URL_STS names a private endpoint), and try again"
          : (next ?? "check the AWS credentials"),
    },
  );
}
