import { toast } from 'sonner';

/** Browsers give the clipboard to pages of https and of this machine only. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast.success('Copied');
  } catch {
    toast.error('The browser does not permit copying', { description: 'It needs https or localhost.' });
  }
}
