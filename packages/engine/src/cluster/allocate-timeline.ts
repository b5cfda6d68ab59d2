import type { TimelineRecord } from '../contract/cluster-state.ts';

/** The grant allocates the timeline: two candidates can never open the same one (both would call it "the next"). */
export function allocateTimeline(timelines: TimelineRecord[], parentId: number, epoch: number): number {
  for (const timeline of timelines) {
    if (timeline.status === 'allocated') timeline.status = 'abandoned';
  }
  const id = timelines.reduce((highest, timeline) => Math.max(highest, timeline.id), 0) + 1;
  timelines.push({ id, parentId, forkLsn: null, epoch, status: 'allocated' });
  return id;
}
