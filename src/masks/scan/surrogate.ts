/**
 * What stands in a text in the place of a finding: `{{pii:DOMAIN:TOKEN}}`, the domain percent-encoded (RFC 3986 section 2.1), the token
 * in base64url. Only we write surrogates: where a text that comes in holds `{{pii:`, a second colon is put behind it. No domain is
 * empty, so that cannot be read as a surrogate, and taking the colon away again gives the text back.
 */
const opening = "{{pii:";
const escapedOpening = "{{pii::";
const closing = "}}";

/** A surrogate in a text, in UTF-16 units. Who wrote it is told by its token alone. */
export interface Surrogate {
  readonly start: number;
  readonly end: number;
  readonly domain: string;
  readonly token: string;
}

/** What stands before a token in a domain's surrogates. */
export function surrogateOpening(domain: string): string {
  return `${opening}${encodeDomain(domain)}:`;
}

/** Puts tokens into a domain's surrogates. */
export function surrogateWriter(domain: string): (token: string) => string {
  const prefix = surrogateOpening(domain);
  return (token) => prefix + token + closing;
}

/** The characters that stand around a token in a domain's surrogates. */
export function surrogateFrame(domain: string): number {
  return surrogateWriter(domain)("").length;
}

/** What `escapeOpenings` adds to a text, at most: a colon to so many characters. */
export const openingLength: number = opening.length;

/** A text, or a part of one, as it is stored around surrogates. */
export function escapeOpenings(text: string): string {
  return text.includes(opening) ? text.replaceAll(opening, escapedOpening) : text;
}

export function unescapeOpenings(text: string): string {
  return text.includes(escapedOpening) ? text.replaceAll(escapedOpening, opening) : text;
}

/** All surrogates in a text, in its order. */
export function findSurrogates(text: string): readonly Surrogate[] {
  const found: Surrogate[] = [];
  for (let start = text.indexOf(opening); start >= 0; start = text.indexOf(opening, start + opening.length)) {
    const surrogate = readSurrogate(text, start);
    if (surrogate !== null) found.push(surrogate);
  }
  return found;
}

// What encodeURIComponent writes, and base64url. Neither class holds what ends it: each is read once.
const domainForm = /[A-Za-z0-9\-_.!~*'()%]+:/y;
const tokenForm = /[A-Za-z0-9_-]+\}\}/y;

function readSurrogate(text: string, start: number): Surrogate | null {
  const domainStart = start + opening.length;
  domainForm.lastIndex = domainStart;
  if (!domainForm.test(text)) return null;
  const tokenStart = domainForm.lastIndex;
  tokenForm.lastIndex = tokenStart;
  if (!tokenForm.test(text)) return null;
  const end = tokenForm.lastIndex;
  const domain = decodeDomain(text.slice(domainStart, tokenStart - 1));
  return domain === null ? null : { start, end, domain, token: text.slice(tokenStart, end - closing.length) };
}

function encodeDomain(domain: string): string {
  return encodeURIComponent(domain.toWellFormed());
}

/** null for a spelling that is not ours. */
function decodeDomain(encoded: string): string | null {
  try {
    const domain = decodeURIComponent(encoded);
    return encodeDomain(domain) === encoded ? domain : null;
  } catch {
    return null;
  }
}
