'use client';

import { createContext, useContext } from 'react';

export type Role = 'viewer' | 'operator' | 'admin';

/** Who is signed in, as the server says. */
export const Me = createContext<{ name: string; role: Role }>({ name: '', role: 'viewer' });

/** What the server lets this person do; here it only decides what is offered. */
export function useMay(): { name: string; operate: boolean; administer: boolean } {
  const { name, role } = useContext(Me);
  return { name, operate: role !== 'viewer', administer: role === 'admin' };
}
