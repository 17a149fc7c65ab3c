/** One table of a database. Digests are SHA-256 in hexadecimal. */
export interface TableInspection {
  readonly sql: string;
  readonly rows: number;
  /** Digest of all rows in an order of their own. */
  readonly content: string;
  /** Digest of the text of the definition. ProxySQL compares that text, byte for byte, at its start. */
  readonly definition: string;
}

/** What a look into a database file told. With problems the rest is as far as the look came. */
export interface Inspection {
  /** False if the file does not even begin as an SQLite database does. */
  readonly isDatabase: boolean;
  /** What is wrong with the file; none for a sound one. */
  readonly problems: readonly string[];
  readonly pages: number;
  readonly pageSize: number;
  readonly tables: Readonly<Record<string, TableInspection>>;
  /** Digest over the rows of all tables. */
  readonly content: string;
  /** The same without what belongs to one host, and without empty tables: comparable between nodes and versions. */
  readonly shared: string;
  /** Digest over the (name, definition) pairs of all tables. */
  readonly definitions: string;
}
