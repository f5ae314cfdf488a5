/** What an argument of a kernel is. See index.ts. */
export type ParameterKind = "in" | "in?" | "out" | "out?" | "inout" | "inout?" | "int" | "float";

/** Arguments by name of kernels by name. */
export type KernelTable = Readonly<Record<string, Readonly<Record<string, ParameterKind>>>>;
