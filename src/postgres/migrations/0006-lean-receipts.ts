/** What a receipt costs, without what it is worth. `schema` is quoted already. */
export function leanReceipts(schema: string): string {
  return `
-- A foreign key is looked up for each row: half of what a receipt cost. The ledger's row of the same load has it still, so that no load of
-- a pipeline that is not there can commit; and no pipeline is ever removed.
ALTER TABLE ${schema}.receipt DROP CONSTRAINT receipt_pipeline_fkey;
ALTER TABLE ${schema}.identity_receipt DROP CONSTRAINT identity_receipt_pipeline_fkey;
`;
}
