import { expect, type Locator, type Page } from '@playwright/test';

/** More than any page has places for the focus. */
const pressesMax = 150;

/** Somebody who has no mouse: Tab and the arrows lead everywhere, and where the focus is can be seen. */
export class Keyboard {
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Tab by Tab until the focus is there. */
  async reach(target: Locator, key = 'Tab'): Promise<void> {
    await expect(target).toBeVisible();
    for (let presses = 0; presses < pressesMax; presses += 1) {
      if (await target.evaluate((element) => element === document.activeElement))
        return this.expectSeen(target);
      await this.page.keyboard.press(key);
    }
    throw new Error(`${pressesMax} times ${key} do not lead to ${target}`);
  }

  async press(target: Locator, key = 'Enter'): Promise<void> {
    await this.reach(target);
    await this.page.keyboard.press(key);
  }

  /** In the place of what a field holds. */
  async type(field: Locator, text: string): Promise<void> {
    await this.reach(field);
    await this.page.keyboard.press('Control+A');
    await this.page.keyboard.type(text);
  }

  /** An entry of a menu: the focus goes into it, and comes back when it closes. */
  async choose(trigger: Locator, item: string): Promise<void> {
    await this.press(trigger);
    const entry = this.page.getByRole('menuitem', { name: item });
    await expect(this.page.getByRole('menuitem').and(this.page.locator(':focus'))).toHaveCount(1);
    await this.reach(entry, 'ArrowDown');
    await this.page.keyboard.press('Enter');
  }

  /** A dialog that is open has the focus; when it closes that is back where it came from, as long as that is there. */
  async confirm(button: string, { reason, from }: { reason?: string; from?: Locator } = {}): Promise<void> {
    const dialog = this.page.getByRole('dialog');
    await expect(dialog.locator(':focus')).toHaveCount(1);
    if (reason) await this.type(dialog.getByLabel(/^Reason/), reason);
    const run = dialog.getByRole('button', { name: button });
    await expect(run).toBeEnabled({ timeout: 20_000 });
    await this.press(run);
    await expect(dialog).toBeHidden({ timeout: 20_000 });
    if (from) await expect(from).toBeFocused();
  }

  private async expectSeen(target: Locator): Promise<void> {
    const seen = await target.evaluate((element) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) > 0;
    });
    expect(seen, `the focus on ${target} can be seen`).toBe(true);
  }
}
