/** A field of a configuration that cannot be, with the limit that it breaks. */
export class ConfigError extends RangeError {
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.name = "ConfigError";
    this.field = field;
  }
}
