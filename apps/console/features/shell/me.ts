'use client';

import { useParams } from 'next/navigation';
import { createContext, useContext } from 'react';

export type Role = 'none' | 'viewer' | 'operator' | 'admin';

interface Myself {
  name: string;
  /** On all clusters that are not named. */
  role: Role;
  clusterRoles: { clusterId: string; role: Role }[];
  /** Nothing but the own account opens before one is set up. */
  owesSecondFactor: boolean;
}

/** Who is signed in, as the server says. */
export const Me = createContext<Myself>({
  name: '',
  role: 'none',
  clusterRoles: [],
  owesSecondFactor: false,
});

/** What the server lets this person do; here it only decides what is offered. On a page of a cluster it is the role there that counts. */
/** @param of the cluster that it is about, where the page's address does not name it */
export function useMay(of?: string) {
  const { name, role, clusterRoles } = useContext(Me);
  const { id: named } = useParams<{ id?: string }>();
  const id = of ?? named;
  const single = role === 'admin' ? undefined : clusterRoles.find(({ clusterId }) => clusterId === id);
  const here = single?.role ?? role;
  const roles = [role, ...clusterRoles.map((each) => each.role)];
  return {
    name,
    operate: here === 'operator' || here === 'admin',
    administer: here === 'admin',
    everywhere: { read: role !== 'none', administer: role === 'admin' },
    /** Tokens do what their makers may, on some cluster. */
    makeTokens: roles.some((each) => each === 'operator' || each === 'admin'),
  };
}
