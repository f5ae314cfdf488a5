/** Who may do what. */
export const roles = ["clinician", "auditor", "admin"] as const;

export type Role = (typeof roles)[number];

export type Permission = "assess" | "audit" | "metrics";

const permissions: Readonly<Record<Role, readonly Permission[]>> = {
  clinician: ["assess"],
  auditor: ["audit", "metrics"],
  admin: ["assess", "audit", "metrics"],
};

export function may(role: Role, permission: Permission): boolean {
  return permissions[role].includes(permission);
}
