import { Classifier } from './classify/classifier.ts';
import { ReadCatalogue } from './control/read-catalogue.ts';
import { PreparedStatements } from './pool/prepared.ts';

/** What the sessions of one database share. */
export interface DatabaseInfo {
  name: string;
  classifier: Classifier;
  prepared: PreparedStatements;
  catalogue: ReadCatalogue;
}

export class Databases {
  private readonly known = new Map<string, DatabaseInfo>();

  find(name: string): DatabaseInfo | undefined {
    return this.known.get(name);
  }

  /** What is known of others has nobody to serve. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.known.keys()) if (!names.has(name)) this.known.delete(name);
  }

  get(name: string): DatabaseInfo {
    const known = this.known.get(name);
    if (known) return known;
    const made = {
      name,
      classifier: new Classifier(),
      prepared: new PreparedStatements(),
      catalogue: new ReadCatalogue(),
    };
    this.known.set(name, made);
    return made;
  }
}
