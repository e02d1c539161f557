/** What is wrong with the URL of a database; null if nothing is. It may hold a password: nothing of it is repeated. */
export function databaseUrlProblem(text: string): string | null {
  const form = "is not of the form postgres://user:password@host:port/database";
  const encode = "in user and password, write / ? # @ and % percent-encoded (%2F %3F %23 %40 %25)";
  if (!URL.canParse(text)) return `${form}; ${encode}`;
  const url = new URL(text);
  if (!/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "") return form;
  // an unencoded / ? or # ends the host early: what follows it would be taken for the database's name, and shown as such
  const cut = url.hash !== "" || /@/.test(url.pathname + url.search);
  if (cut || ![url.username, url.password, url.hostname, url.pathname].every(decodes)) return `${form}; ${encode}`;
  return null;
}

/** What is wrong with the URL of a queue beyond what its pattern says; null if nothing is. */
export function queueUrlProblem(text: string): string | null {
  return URL.canParse(text) ? null : "is not a URL; allowed: http(s)://HOST/ACCOUNT/QUEUE-NAME";
}

function decodes(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
