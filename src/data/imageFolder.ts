import { ThimbleError } from '../core/errors.ts';
import { decodeImage, type ImageDecoder } from './decode.ts';
import { type FolderOptions, type FolderSource, type LabelledFolder, labelledFolder } from './folder.ts';
import { type Channels, type Image, withChannels } from './image.ts';

/** A picture, the index of its class, and the file it is from. */
export interface LabelledImage {
  readonly x: Image;
  readonly y: number;
  readonly path: string;
}

export interface ImageFolderOptions extends FolderOptions {
  /** Channels all pictures are brought to. Where left out, they must agree. */
  readonly channels?: Channels;
  /** Formats besides PNG, JPEG and BMP. */
  readonly decoders?: readonly ImageDecoder[];
}

/**
 * Pictures in one sub-folder for each class. They are decoded one by one, when they are asked for.
 * @throws INPUT as `labelledFolder`; while iterating SHAPE where pictures differ in their channels, FORMAT for a broken file with `onBroken: 'stop'`.
 */
export async function imageFolder(source: FolderSource, options: ImageFolderOptions = {}): Promise<LabelledFolder<LabelledImage>> {
  const { channels, decoders } = options;
  let seen: { readonly path: string; readonly channels: Channels } | undefined;
  return labelledFolder(
    source,
    async (bytes, { path, label }): Promise<LabelledImage> => {
      const image = await decodeImage(bytes, decoders);
      if (channels) return { x: withChannels(image, channels), y: label, path };
      seen ??= { path, channels: image.channels };
      if (seen.channels !== image.channels) {
        throw new ThimbleError('SHAPE', `the image has ${image.channels} channels, "${seen.path}" has ${seen.channels}`, {
          hint: 'pass channels: 3 (or 1) to bring all to one form',
        });
      }
      return { x: image, y: label, path };
    },
    options,
  );
}
