/** The region an AWS queue's URL names: `sqs.eu-west-1.amazonaws.com`, `eu-west-1.queue.amazonaws.com`, and VPC endpoints; null for others. */
export function regionOf(url: URL): string | null {
  return /\.amazonaws\.com(\.cn)?$/.test(url.hostname) ? (/\b[a-z]{2}(?:-[a-z]+)+-\d\b/.exec(url.hostname)?.[0] ?? null) : null;
}
