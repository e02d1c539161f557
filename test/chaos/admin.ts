import type pg from "pg";

import { plainClient } from "../postgres/databases.ts";

/** The bench's own way to a database, past every proxy. A connection that broke is replaced at the next use. */
export class Admin {
  readonly #url: string;
  #client: pg.Client | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async query<Row extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const client = this.#client ?? (await this.#open());
    try {
      return (await client.query<Row>(sql, [...parameters])).rows;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** A connection of its own, for what plays the other side. The caller ends it. */
  connect(): Promise<pg.Client> {
    return plainClient(this.#url);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #open(): Promise<pg.Client> {
    const client = await plainClient(this.#url);
    client.once("end", () => {
      if (this.#client === client) this.#client = null;
    });
    this.#client = client;
    return client;
  }
}
