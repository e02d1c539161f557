import { formatIp, parseIp } from "../contract/ip.ts";
import type { SampleRandom } from "./sample-random.ts";

/** The fields of a login event, in the order in which its producer writes them. */
export interface Login {
  readonly user_id: string;
  readonly app_version: string;
  readonly device_type: string;
  readonly ip: string;
  readonly locale: string | null;
  readonly device_id: string;
}

/** Shares of the logins. What is shared was seen with an earlier login, so by another user: every login has a user of its own. */
const sharedDevices = 0.04;
const sharedAddresses = 0.06;
const withoutLocale = 0.29;
/** Shares of the fresh and of the shared addresses. */
const freshIpv6 = 0.03;
const sharedIpv6 = 0.33;

/** How many earlier devices and addresses can be shared: bounds the memory, whatever the count. */
const remembered = 500;

const locales =
  "BG BR BR CA CN CN CN CN CU CZ DE DE FR FR FR GR ID ID ID ID IR KE KR KR MA MD MK MN MT MX NG NI PA PA PE PH PH PL PT PT RU RU RU SI TH UA US VN VN";

/** Draws login events that look like real ones, with values that several users share. */
export function loginGenerator(random: SampleRandom): () => Login {
  const localeCodes = locales.split(" ");
  const devices = new Recent<string>();
  const ipv4 = new Recent<Uint8Array>();
  const ipv6 = new Recent<Uint8Array>();

  const deviceId = (): string => {
    const shared = random.chance(sharedDevices) ? devices.pick(random) : null;
    if (shared !== null) return shared;
    const digits = String(random.below(1e9)).padStart(9, "0");
    return devices.add(`${digits.slice(0, 3)}-${digits.slice(3, 5)}-${digits.slice(5)}`);
  };
  const address = (): string => {
    if (random.chance(sharedAddresses)) {
      const shared = random.chance(sharedIpv6) ? ipv6.pick(random) : ipv4.pick(random);
      if (shared !== null) return random.pick(spellings(shared));
    }
    return random.chance(freshIpv6) ? formatIp(ipv6.add(randomIpv6(random))) : formatIp(ipv4.add(randomIpv4(random)));
  };
  return () => ({
    user_id: randomUuid(random),
    app_version: randomVersion(random),
    device_type: random.pick(["ios", "android"]),
    ip: address(),
    locale: random.chance(withoutLocale) ? null : random.pick(localeCodes),
    device_id: deviceId(),
  });
}

/** The last few values seen, to draw from again. */
class Recent<Item> {
  readonly #items: Item[] = [];
  #next = 0;

  add(item: Item): Item {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % remembered;
    return item;
  }

  pick(random: SampleRandom): Item | null {
    return this.#items.length === 0 ? null : random.pick(this.#items);
  }
}

/** One address as different programs write it: all of them have one canonical form, and so one token. */
function spellings(address: Uint8Array): readonly string[] {
  const canonical = formatIp(address);
  if (!canonical.includes(":")) return [canonical, canonical, canonical, `::ffff:${canonical}`];
  const groups = Buffer.from(address).toString("hex").match(/.{4}/g) ?? [];
  const short = groups.map((group) => Number.parseInt(group, 16).toString(16));
  return [canonical, canonical.toUpperCase(), groups.join(":"), short.join(":")];
}

function randomIpv4(random: SampleRandom): Uint8Array {
  const octets = [1 + random.below(254), random.below(256), random.below(256), 1 + random.below(254)];
  return parseIp(octets.join(".")) as Uint8Array;
}

/** From the prefix set aside for documentation (RFC 3849), with a run of zeros to shorten. */
function randomIpv6(random: SampleRandom): Uint8Array {
  return parseIp(`2001:db8:${random.below(0xffff).toString(16)}::${random.below(0xffff).toString(16)}`) as Uint8Array;
}

function randomUuid(random: SampleRandom): string {
  const hex = Array.from({ length: 4 }, () => random.word().toString(16).padStart(8, "0")).join("");
  const variant = "89ab"[random.below(4)];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function randomVersion(random: SampleRandom): string {
  const major = random.below(10);
  if (random.chance(0.46)) return `${major}.${random.below(10)}.${random.below(10)}`;
  return random.chance(0.2) ? `${major}.${random.below(10)}` : `${major}.${String(random.below(100)).padStart(2, "0")}`;
}
