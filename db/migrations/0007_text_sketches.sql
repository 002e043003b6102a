CREATE TABLE "text_sketches" (
	"demonstration_id" uuid PRIMARY KEY NOT NULL,
	"bands" integer[] NOT NULL
);
--> statement-breakpoint
ALTER TABLE "text_sketches" ADD CONSTRAINT "text_sketches_demonstration_id_demonstrations_id_fk" FOREIGN KEY ("demonstration_id") REFERENCES "public"."demonstrations"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "text_sketches_bands" ON "text_sketches" USING gin ("bands");--> statement-breakpoint
CREATE INDEX "assignments_history" ON "assignments" USING btree ("labeler_id","id");