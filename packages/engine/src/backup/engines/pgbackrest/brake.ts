import { canSetDeathSignal } from '../../../postgres/death-signal.ts';

/**
 * Makes a run stand still, and go on. Only the program's first process is stopped: the others end the file that they are at
 * and then wait for its next word. Were they stopped too, they would outlive a run that is ended meanwhile, stopped and with
 * its lock, for ever. The first one is killed by the kernel when this daemon dies, stopped or not; where the system cannot
 * do that, nothing is stopped.
 */
export class Brake {
  private pid: number | null = null;
  private isOn = false;

  started(pid: number): void {
    this.pid = pid;
  }

  set(isOn: boolean): void {
    if (isOn === this.isOn || this.pid === null || !canSetDeathSignal()) return;
    this.isOn = isOn;
    try {
      process.kill(this.pid, isOn ? 'SIGSTOP' : 'SIGCONT');
    } catch (error) {
      // It has ended by itself.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** The number may be another program's from now on. */
  ended(): void {
    this.pid = null;
  }
}
