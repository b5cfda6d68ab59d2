import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { commitModeOf, type OwnDurability } from '../contract/own-durability.ts';
import type { ServerSetting, SettingsOverview } from '../contract/settings-view.ts';
import { fixedBecause } from '../postgres/fixed-settings.ts';
import { messageOf } from '../shared/errors.ts';
import { dataMembers } from './membership.ts';
import type { Peers } from './peer-protocol.ts';

const askDeadlineMs = 5_000;

/** What a node answered: its settings, or why there are none. */
export interface Told {
  node: string;
  settings: ServerSetting[] | null;
  ownDurabilities?: OwnDurability[];
  problem: string | null;
}

/** Asks every node that holds data. One that does not answer is named, and hides nothing of the others. */
export async function settingsOverview(
  peers: Peers,
  state: ClusterState | null,
): Promise<SettingsOverview | null> {
  if (!state) return null;
  const ask = async (member: Member): Promise<Told> => {
    try {
      const input = { clusterId: state.clusterId };
      const answer = await peers.call(member, 'server-settings', { input, deadlineMs: askDeadlineMs });
      return { node: member.name, ...answer, problem: null };
    } catch (error) {
      return { node: member.name, settings: null, problem: messageOf(error) };
    }
  };
  return compareSettings(state, await Promise.all(dataMembers(state).map(ask)));
}

function ownOf(told: Told | undefined): SettingsOverview['ownDurabilities'] {
  return (told?.ownDurabilities ?? []).map((own) => ({ ...own, mode: commitModeOf(own.setting) }));
}

/** Puts the nodes' answers side by side (pure). */
export function compareSettings(
  { parameters, hba, reign }: Pick<ClusterState, 'parameters' | 'hba' | 'reign'>,
  told: Told[],
): SettingsOverview {
  const answered = told.flatMap(({ node, settings }) => (settings ? [{ node, settings }] : []));
  const shown = answered.find(({ node }) => node === reign.primary) ?? answered[0];
  const others = answered
    .filter((each) => each !== shown)
    .map(({ node, settings }) => ({
      node,
      values: new Map(settings.map(({ name, value }) => [name, value])),
    }));
  const differences = ({ name, value }: ServerSetting) =>
    others.flatMap(({ node, values }) => {
      const other = values.get(name);
      return other === undefined || other === value ? [] : [{ node, value: other }];
    });
  return {
    agreed: parameters,
    access: hba,
    isAccessHidden: false,
    ownDurabilities: ownOf(told.find(({ node }) => node === shown?.node)),
    shownOf: shown ? { node: shown.node, isPrimary: shown.node === reign.primary } : null,
    nodes: told.map(({ node, settings, problem }) => ({
      name: node,
      pendingRestart: settings?.filter(({ isPending }) => isPending).map(({ name }) => name) ?? null,
      problem,
    })),
    settings: (shown?.settings ?? []).map((setting) => {
      const reason = fixedBecause(setting);
      return { ...setting, fixedBecause: reason, differs: reason === null ? differences(setting) : [] };
    }),
  };
}
