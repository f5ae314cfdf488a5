export { type DecodeLoad, presentLoad, requestLevelLoad, systemLevelLoad } from "./decode-load.ts";
export {
  createRoleSwitcher,
  initialRoleSwitchState,
  type RoleAdvice,
  type RoleSwitcher,
  type RoleSwitchOptions,
  type RoleSwitchState,
} from "./role-switch.ts";
