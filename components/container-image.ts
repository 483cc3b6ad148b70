import * as aws from "@pulumi/aws";
import * as dockerBuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";

export interface ContainerImageArgs {
  /** The build's context: the folder whose files the Dockerfile may copy. Example: `.`. */
  readonly context: string;
  /** Example: `fargate-app/Dockerfile`. */
  readonly dockerfile: string;
  readonly platform: "linux/arm64" | "linux/amd64";
  /** Images that the repository keeps, for rollbacks. Default: 5. */
  readonly keepImages?: number;
  /** The repository's name. Default: one that Pulumi makes up. */
  readonly repositoryName?: string;
  /** Names the image for people: tasks take it by its digest. Default: `latest`. */
  readonly tag?: string;
}

/** An image, built from this checkout and pushed to a repository of its own. */
export class ContainerImage extends pulumi.ComponentResource {
  /** The image by its digest: a task definition that names it always runs the same bytes. */
  readonly ref: pulumi.Output<string>;
  readonly repositoryArn: pulumi.Output<string>;

  constructor(name: string, args: ContainerImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:ContainerImage", name, {}, opts);

    const repository = this.#createRepository(name, args);
    this.ref = this.#build(name, args, repository).ref;
    this.repositoryArn = repository.arn;

    this.registerOutputs();
  }

  #createRepository(name: string, args: ContainerImageArgs): aws.ecr.Repository {
    const { keepImages = 5, repositoryName } = args;
    const repository = new aws.ecr.Repository(
      name,
      {
        ...(repositoryName === undefined ? {} : { name: repositoryName }),
        // Every build is pushed, also one of files that were built before, to go back to them: its tag must move.
        imageTagMutability: "MUTABLE",
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfigurations: [{ encryptionType: "AES256" }],
        forceDelete: true,
      },
      { parent: this },
    );
    new aws.ecr.LifecyclePolicy(
      name,
      {
        repository: repository.name,
        policy: {
          rules: [
            {
              rulePriority: 1,
              description: `Keep the last ${keepImages} images`,
              selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: keepImages },
              action: { type: "expire" },
            },
          ],
        },
      },
      { parent: this },
    );
    return repository;
  }

  #build(name: string, args: ContainerImageArgs, repository: aws.ecr.Repository): dockerBuild.Image {
    const credentials = aws.ecr.getAuthorizationTokenOutput({ registryId: repository.registryId }, { parent: this });
    return new dockerBuild.Image(
      name,
      {
        context: { location: args.context },
        dockerfile: { location: args.dockerfile },
        platforms: [args.platform],
        tags: [pulumi.interpolate`${repository.repositoryUrl}:${args.tag ?? "latest"}`],
        push: true,
        // A preview needs no Docker, so that it runs in any pull request.
        buildOnPreview: false,
        registries: [
          {
            address: repository.repositoryUrl,
            username: credentials.userName,
            password: pulumi.secret(credentials.password),
          },
        ],
      },
      // The repository takes its images along when it goes; deleting one by one would need Docker on destroy.
      { parent: this, retainOnDelete: true },
    );
  }
}
