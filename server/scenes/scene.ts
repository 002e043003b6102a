/** A state of the product to look at: where to look first, and who looks. */
export interface Scene {
  projectId: string;
  /** The page that the scene is about. */
  path: string;
  /** Whose page it is: the address to sign in with; the password is PASSWORD (cast.ts). */
  as: string;
}
