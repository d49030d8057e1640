/** What the agent hears the far side through: one audio element for the life of the page. */
export class Speaker {
  private readonly element = new Audio();

  constructor(
    /** The browser keeps the sound off until the page is clicked. */
    private readonly blocked: (on: boolean) => void,
  ) {
    this.element.autoplay = true;
  }

  play(stream: MediaStream): void {
    if (this.element.srcObject !== stream) this.element.srcObject = stream;
    this.element.play().then(
      () => this.blocked(false),
      (error: unknown) => {
        // AbortError: the next stream came before this one began.
        if (error instanceof DOMException && error.name === 'NotAllowedError') this.waitForClick(stream);
      },
    );
  }

  stop(): void {
    this.element.srcObject = null;
    this.blocked(false);
  }

  /** Chooses the output device, where the browser can. */
  async choose(device: string): Promise<void> {
    if ('setSinkId' in this.element) await this.element.setSinkId(device);
  }

  private waitForClick(stream: MediaStream): void {
    this.blocked(true);
    const again = () => {
      removeEventListener('pointerdown', again);
      removeEventListener('keydown', again);
      if (this.element.srcObject === stream) this.play(stream);
    };
    addEventListener('pointerdown', again);
    addEventListener('keydown', again);
  }
}
