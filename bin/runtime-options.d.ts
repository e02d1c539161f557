export const runtimeOptions: readonly string[];
export function wantsOptions(
  command: string | undefined,
  execArgv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): boolean;
