/** The file `maskline init` writes: login events from an SQS queue into user_logins. */
export const starterConfig = `# maskline: what comes off the queue, what is masked, where it goes.
# Every option: docs/reference/configuration.md. Check it with \`maskline check\`, then \`maskline check --connect\`.
source:
  sqs:
    queue: http://localhost:4566/000000000000/login-queue   # the queue's URL; credentials come from the AWS environment
    region: us-east-1

keyring: file:./keyring.json   # made by \`maskline keys create\`; back it up, keep it out of version control

sink:
  postgres:
    url: "\${DATABASE_URL}"      # postgres://user:password@host:5432/database
    table: public.user_logins

# Only the columns named here are ever stored. A message that does not fit is quarantined, sealed.
columns:
  user_id:          { type: text, max: 128, required: true }
  device_type:      { type: text, max: 32, required: true }
  masked_ip:        { from: ip,        type: ip,            mask: { kind: siv, domain: login.ip } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: siv, domain: login.device_id } }
  locale:           { type: text, max: 32 }
  app_version:      { type: version, as: major, required: true }
  create_date:      { from: $sent_at, type: date }
`;

/** What must never be committed beside it. */
export const starterIgnores: readonly string[] = ["keyring.json*", ".env"];

/** The table the starter file loads into. */
export const starterTable = `CREATE TABLE IF NOT EXISTS user_logins(
    user_id             varchar(128),
    device_type         varchar(32),
    masked_ip           varchar(256),
    masked_device_id    varchar(256),
    locale              varchar(32),
    app_version         integer,
    create_date         date
);
`;
