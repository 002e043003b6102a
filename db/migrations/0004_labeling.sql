CREATE TABLE "draft_revisions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"assignment_id" uuid NOT NULL,
	"revision" integer NOT NULL,
	"content" jsonb NOT NULL,
	"saved_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "guideline_reads" (
	"user_id" uuid NOT NULL,
	"guideline_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "guideline_reads_user_id_guideline_id_pk" PRIMARY KEY("user_id","guideline_id")
);
--> statement-breakpoint
CREATE TABLE "review_verdicts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"review_id" uuid NOT NULL,
	"label_id" uuid NOT NULL,
	"verdict" text NOT NULL,
	"comment" text DEFAULT '' NOT NULL,
	CONSTRAINT "review_verdicts_verdict" CHECK ("review_verdicts"."verdict" in ('accepted', 'rejected'))
);
--> statement-breakpoint
CREATE TABLE "reviews" (
	"id" uuid PRIMARY KEY NOT NULL,
	"assignment_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"project_id" uuid NOT NULL,
	"prompt_id" uuid NOT NULL,
	"labeler_id" uuid NOT NULL,
	"guideline_id" uuid,
	"version" integer DEFAULT 1 NOT NULL,
	"superseded_at" timestamp with time zone,
	"late" boolean DEFAULT false NOT NULL,
	"idempotency_key" text NOT NULL,
	"active_seconds" double precision DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"subject_task_id" uuid NOT NULL
);
--> statement-breakpoint
ALTER TABLE "assignments" DROP CONSTRAINT "assignments_kind";--> statement-breakpoint
ALTER TABLE "tasks" DROP CONSTRAINT "tasks_kind";--> statement-breakpoint
ALTER TABLE "tasks" DROP CONSTRAINT "tasks_purpose";--> statement-breakpoint
DROP INDEX "tasks_open";--> statement-breakpoint
ALTER TABLE "tasks" ALTER COLUMN "prompt_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "may_review" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "screened_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "standing" text DEFAULT 'good' NOT NULL;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "standing_note" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "standing_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "assignments" ADD COLUMN "gold_score" double precision;--> statement-breakpoint
ALTER TABLE "demonstrations" ADD COLUMN "checklist" text[] DEFAULT '{}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "brief" jsonb;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "subject_task_id" uuid;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "review_reason" text;--> statement-breakpoint
ALTER TABLE "draft_revisions" ADD CONSTRAINT "draft_revisions_assignment_id_assignments_id_fk" FOREIGN KEY ("assignment_id") REFERENCES "public"."assignments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "guideline_reads" ADD CONSTRAINT "guideline_reads_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "guideline_reads" ADD CONSTRAINT "guideline_reads_guideline_id_guidelines_id_fk" FOREIGN KEY ("guideline_id") REFERENCES "public"."guidelines"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "review_verdicts" ADD CONSTRAINT "review_verdicts_review_id_reviews_id_fk" FOREIGN KEY ("review_id") REFERENCES "public"."reviews"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_assignment_id_assignments_id_fk" FOREIGN KEY ("assignment_id") REFERENCES "public"."assignments"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_prompt_id_prompts_id_fk" FOREIGN KEY ("prompt_id") REFERENCES "public"."prompts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_labeler_id_users_id_fk" FOREIGN KEY ("labeler_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_guideline_id_guidelines_id_fk" FOREIGN KEY ("guideline_id") REFERENCES "public"."guidelines"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_subject_task_id_tasks_id_fk" FOREIGN KEY ("subject_task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "draft_revisions_key" ON "draft_revisions" USING btree ("assignment_id","revision");--> statement-breakpoint
CREATE UNIQUE INDEX "review_verdicts_key" ON "review_verdicts" USING btree ("review_id","label_id");--> statement-breakpoint
CREATE INDEX "review_verdicts_label" ON "review_verdicts" USING btree ("label_id");--> statement-breakpoint
CREATE UNIQUE INDEX "reviews_version_key" ON "reviews" USING btree ("assignment_id","version");--> statement-breakpoint
CREATE UNIQUE INDEX "reviews_current_key" ON "reviews" USING btree ("assignment_id") WHERE "reviews"."superseded_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "reviews_idempotency_key" ON "reviews" USING btree ("assignment_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "reviews_project" ON "reviews" USING btree ("project_id","created_at");--> statement-breakpoint
CREATE INDEX "reviews_labeler" ON "reviews" USING btree ("labeler_id","created_at");--> statement-breakpoint
CREATE INDEX "reviews_task" ON "reviews" USING btree ("task_id");--> statement-breakpoint
CREATE INDEX "reviews_subject" ON "reviews" USING btree ("subject_task_id");--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_subject_task_id_tasks_id_fk" FOREIGN KEY ("subject_task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "tasks_checks_open" ON "tasks" USING btree ("project_id","kind","purpose","id") WHERE "tasks"."state" = 'open' and "tasks"."taken" < "tasks"."wanted_labels" and "tasks"."purpose" in ('gold', 'screening');--> statement-breakpoint
CREATE INDEX "tasks_prompt" ON "tasks" USING btree ("prompt_id");--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_subject_key" ON "tasks" USING btree ("subject_task_id") WHERE "tasks"."subject_task_id" is not null;--> statement-breakpoint
CREATE INDEX "tasks_open" ON "tasks" USING btree ("project_id","kind","priority" DESC NULLS FIRST,"id") WHERE "tasks"."state" = 'open' and "tasks"."taken" < "tasks"."wanted_labels" and "tasks"."purpose" in ('training', 'evaluation');--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_standing" CHECK ("memberships"."standing" in ('good', 'warned', 'paused', 'revoked'));--> statement-breakpoint
ALTER TABLE "assignments" ADD CONSTRAINT "assignments_kind" CHECK ("assignments"."kind" in ('demonstration', 'ranking', 'review'));--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_prompt_or_brief" CHECK (("tasks"."prompt_id" is null) = ("tasks"."brief" is not null) and ("tasks"."brief" is null or "tasks"."kind" = 'demonstration'));--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_subject" CHECK (("tasks"."kind" = 'review') = ("tasks"."subject_task_id" is not null) and ("tasks"."kind" = 'review') = ("tasks"."review_reason" is not null));--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_review_reason" CHECK ("tasks"."review_reason" in ('low_agreement', 'reward_disagreement', 'sampled', 'asked'));--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_kind" CHECK ("tasks"."kind" in ('demonstration', 'ranking', 'review'));--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_purpose" CHECK ("tasks"."purpose" in ('training', 'evaluation', 'gold', 'screening'));