const nameForm = /^[a-z_][a-z0-9_$]{0,62}(\.[a-z_][a-z0-9_$]{0,62}){0,3}$/;

/** Of a setting that the router carries from server to server; in lower case. */
export function isSettingName(name: string): boolean {
  return nameForm.test(name);
}
