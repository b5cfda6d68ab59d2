'use client';

import { TextField } from '@quantadb/ui/primitives/field';
import type { ComponentProps } from 'react';

type FieldProps = Partial<ComponentProps<typeof TextField>>;

/** The password that somebody has, as a password manager knows it. */
export function PasswordField(props: FieldProps) {
  return (
    <TextField
      label="Password"
      name="password"
      type="password"
      autoComplete="current-password"
      required
      {...props}
    />
  );
}

/** Of an authenticator app, or a backup code. */
export function CodeField(props: FieldProps) {
  return (
    <TextField
      label="Code"
      name="code"
      autoComplete="one-time-code"
      minLength={6}
      maxLength={20}
      required
      {...props}
    />
  );
}
