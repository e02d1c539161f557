/** Loopback, or a name without a dot as in a compose file. */
export function isLocal({ hostname }: URL): boolean {
  return (
    !hostname.includes(".") || /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === "[::1]" || hostname.endsWith(".localhost")
  );
}

/** What the SDK is given for a server that plays AWS on this machine: it checks nothing, but the SDK signs every request. */
export interface LocalAccess {
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly region: string;
}

/** Null where the server may be AWS, or the environment has credentials of its own. */
export function localAccess(url: URL, environment: NodeJS.ProcessEnv): LocalAccess | null {
  if (!isLocal(url) || credentialVariables.some((name) => environment[name] !== undefined)) return null;
  // without any the SDK would look for credentials on the network first
  return { credentials: { accessKeyId: "local", secretAccessKey: "local" }, region: "us-east-1" };
}

const credentialVariables: readonly string[] = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];
