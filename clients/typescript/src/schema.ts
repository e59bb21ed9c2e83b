/**
 * Generated from docs/schemas/openapi.json by openapi-typescript (make schemas).
 * Do not make direct changes to the file.
 */

export interface paths {
    "/v1/profiles/{user_id}/explanation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Explanation
         * @description What each of a user's events is still worth, and which items it moved them towards.
         *
         *     Scope of the key: `read`.
         */
        get: operations["explanation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/profiles/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Profile
         * @description What is known about one user, and how sure that is. An unknown user is no error.
         *
         *     Scope of the key: `read`.
         */
        get: operations["profile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/profiles:batchGet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Profiles
         * @description Several users, in the order asked.
         *
         *     Scope of the key: `read`.
         */
        post: operations["profiles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rank": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rank
         * @description Items for a user, best first, with reasons.
         *
         *     Scope of the key: `read`.
         */
        post: operations["rank"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/score": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Score
         * @description Whether a user is for items, and which of two they prefer, by level of evidence.
         *
         *     Scope of the key: `read`.
         */
        post: operations["score"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/personas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Personas
         * @description The personas that are large enough to be shown, largest first, in pages.
         *
         *     Scope of the key: `read`.
         */
        get: operations["personas"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/personas/{persona_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Persona
         * @description One persona. One that is hidden for its size is as unknown as one that never was.
         *
         *     Scope of the key: `read`.
         */
        get: operations["persona"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Statistics
         * @description Statistics of everybody, or of one persona.
         *
         *     Scope of the key: `read`.
         */
        get: operations["statistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/items/{item_id}/similar": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Similar Items
         * @description Described, unretired items nearest to this one.
         *
         *     Scope of the key: `read`.
         */
        get: operations["similar_items"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/similar": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Similar Users
         * @description Users whose evidence points the same way.
         *
         *     Scope of the key: `read`.
         */
        get: operations["similar_users"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Livez
         * @description The process answers; it says nothing about the stores.
         */
        get: operations["livez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Readyz
         * @description Every store answers. Kafka is named beside them, but questions are answered without it.
         */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Metrics
         * @description Counters and histograms for Prometheus.
         *
         *     Scope of the key: `admin`.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/retrieve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Retrieve
         * @description Passages of the user's own documents that answer a query; else items, and why.
         *
         *     Scope of the key: `read`.
         */
        post: operations["retrieve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/context": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Context
         * @description A block of text about the user for a language model, within a budget of tokens.
         *
         *     Scope of the key: `read`.
         */
        post: operations["context"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export
         * @description Everything that is kept of a user, as events; nothing for an unknown one.
         *
         *     Scope of the key: `read`.
         */
        get: operations["export"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}/mine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Mine
         * @description What is kept of a user, in words for that user: since when, until when, who sees it.
         *
         *     Scope of the key: `read`.
         */
        get: operations["mine"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Erase
         * @description Have everything about a user erased; also of an unknown one, who is then erased too.
         *
         *     Answers once Kafka has acknowledged the request; `/v1/erasures/{id}` tells how far it is.
         *
         *     Scope of the key: `erase`.
         */
        delete: operations["erase"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/erasures/{erasure_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Erasure
         * @description The receipt of an erasure.
         *
         *     Scope of the key: `erase`.
         */
        get: operations["erasure"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publish Events
         * @description Publish one event or an array of events, all of them or none.
         *
         *     Answers once Kafka has acknowledged every event. `token` goes into `at_least` of a
         *     read that has to know them.
         *
         *     Scope of the key: `publish`.
         */
        post: operations["publish_events"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * AbsenceView
         * @description Why something is not there: a fixed word for programs, a sentence for people.
         */
        AbsenceView: {
            /** Code */
            code: string;
            /** Text */
            text: string;
        };
        /**
         * AcceptedView
         * @description Events that Kafka has acknowledged: they will be folded, and nothing can lose them.
         *
         *     Attributes:
         *         accepted: How many; at least 1, unless the others were refused.
         *         refused: Those that the data policy keeps out; publishing them again is of use only once
         *             their users have consented.
         *         token: Opaque; a read with `at_least=token` answers no older than these events.
         */
        AcceptedView: {
            /** Accepted */
            accepted: number;
            /** Token */
            token: string;
            /**
             * Refused
             * @default []
             */
            refused?: components["schemas"]["RefusedEventView"][];
        };
        /**
         * AdvantageView
         * @description How much better a discovered persona predicts its members than the global layer does.
         *
         *     Attributes:
         *         nats: Mean gain in log-likelihood per event, on members held out (cross-fitted).
         *         standard_error: Clustered by members; null below two of them.
         *         events: Predicted events behind it.
         *         abstains: The gain is not above zero at 5 %: the persona is left out of answers.
         */
        AdvantageView: {
            /** Nats */
            nats: number;
            /** Standard Error */
            standard_error: number | null;
            /** Events */
            events: number;
            /** Abstains */
            abstains: boolean;
        };
        /**
         * AppliedNormView
         * @description A norm that holds for the user.
         *
         *     `removed` are the items that would have stood in the answer, and `added` those
         *     that stand in it by this norm; ids, best first.
         */
        AppliedNormView: {
            /** Id */
            id: string;
            /** Kind */
            kind: string;
            /** Reason */
            reason: string;
            /** Declared By */
            declared_by: string;
            /**
             * Since
             * Format: date
             */
            since: string;
            /** Removed */
            removed: string[];
            /** Added */
            added: string[];
        };
        /**
         * BatchRequest
         * @description Users to look up, at most 100; the answer has their order.
         */
        BatchRequest: {
            /** User Ids */
            user_ids: string[];
        };
        /**
         * ChoiceView
         * @description What one level of evidence says of a choice.
         *
         *     Attributes:
         *         log_odds: That the user is for the item, or prefers the first side; 0 is a tie.
         *         probability: The same as a chance.
         *         standard_error: Of `log_odds`.
         *         effective_sample_size: How many observations it rests on.
         */
        ChoiceView: {
            /** Log Odds */
            log_odds: number;
            /** Probability */
            probability: number;
            /** Standard Error */
            standard_error: number;
            /** Effective Sample Size */
            effective_sample_size: number;
        };
        /**
         * ContextLineView
         * @description One line of a context.
         *
         *     Attributes:
         *         section: "stated", "inferred", "norms", "persona", "interests" or "passages".
         *         texts: As they stand in the context, quoted.
         *         source: Where it comes from; `source_id`, quoted, says which one.
         */
        ContextLineView: {
            /** Section */
            section: string;
            level: components["schemas"]["Layer"];
            /** Says */
            says: string;
            /** Texts */
            texts: string;
            /** Source */
            source: string;
            /** Source Id */
            source_id: string | null;
            /** At */
            at: string | null;
        };
        /**
         * ContextRequest
         * @description What to tell a language model; with a `query`, also passages that answer it.
         */
        ContextRequest: {
            /** User Id */
            user_id: string;
            /** Token Budget */
            token_budget: number;
            /** Query */
            query?: string | null;
            /**
             * Template
             * @default plain
             */
            template?: string;
        };
        /**
         * ContextView
         * @description A block of text about a user for a language model.
         *
         *     Attributes:
         *         text: Empty if the budget has no room for anything.
         *         level: What the profile behind it rests on.
         *         tokens: Of `text`, as `tokenizer` counts; at most `token_budget`.
         *         left_out: Lines for which there was no room.
         *         withheld: Kinds of data that the data policy keeps from language models.
         */
        ContextView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            level: components["schemas"]["Layer"];
            /** Template */
            template: string;
            /** Tokenizer */
            tokenizer: string;
            /** Token Budget */
            token_budget: number;
            /** Tokens */
            tokens: number;
            /** Text */
            text: string;
            /** Lines */
            lines: components["schemas"]["ContextLineView"][];
            /** Left Out */
            left_out: number;
            writing: components["schemas"]["WritingView"] | null;
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /**
             * Withheld
             * @default []
             */
            withheld?: string[];
        };
        /**
         * DeclaredMembershipView
         * @description A declared persona that a user belongs to by what they stated.
         *
         *     `share` is its part of all users with any event.
         */
        DeclaredMembershipView: {
            /** Id */
            id: string;
            /** Title */
            title: string;
            /** Description */
            description: string;
            /** Size */
            size: number;
            /** Share */
            share: number;
        };
        /**
         * ErasureStage
         * @description How far an erasure has come.
         * @enum {string}
         */
        ErasureStage: "pending" | "erased" | "complete";
        /**
         * ErasureView
         * @description The receipt of an erasure.
         *
         *     It is `pending` until no store answers with anything of the user, `erased` from then on,
         *     and `complete` once the files of the stores have been written anew without it.
         *
         *     Attributes:
         *         subject: Keyed hash of tenant and user, in hexadecimal: all by which the user is known
         *             from now on.
         *         requested_at: Everything of event times up to it is forgotten.
         *         before, after: Store → what it holds → how many, before the erasure and after it.
         *         log_until: Topic → when Kafka has deleted the last record about the user; null where
         *             the topic keeps its records for ever.
         *         versions: Other versions that are kept → how far each has come; `stage` is that of the one
         *             that is least far, and counts are of the first version.
         */
        ErasureView: {
            /** Id */
            id: string;
            /** Tenant */
            tenant: string;
            stage: components["schemas"]["ErasureStage"];
            /** Subject */
            subject: string;
            /**
             * Requested At
             * Format: date-time
             */
            requested_at: string;
            /** Erased At */
            erased_at: string | null;
            /** Rewritten At */
            rewritten_at: string | null;
            /** Before */
            before: {
                [key: string]: {
                    [key: string]: number;
                };
            } | null;
            /** After */
            after: {
                [key: string]: {
                    [key: string]: number;
                };
            } | null;
            /** Log Until */
            log_until: {
                [key: string]: string | null;
            };
            /**
             * Versions
             * @default {}
             */
            versions?: {
                [key: string]: components["schemas"]["ErasureStage"];
            };
        };
        /**
         * EventEvidenceView
         * @description One event of the user that still counts, or waits to.
         *
         *     Attributes:
         *         item: Null where it is about a text.
         *         weight: By the policy, signed; `worth` is what `decay` leaves of it.
         *         share: Of the whole mass, |worth| of all events that count.
         *         counts: False while its item is not described: it moves nothing yet.
         */
        EventEvidenceView: {
            item: components["schemas"]["NamedItemView"] | null;
            /** Action */
            action: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Data Type */
            data_type: string;
            /** Weight */
            weight: number;
            /** Decay */
            decay: number;
            /** Worth */
            worth: number;
            /** Share */
            share: number;
            /** Counts */
            counts: boolean;
        };
        /**
         * EvidenceByLayerView
         * @description How many events each layer's part of an answer rests on.
         */
        EvidenceByLayerView: {
            /** User */
            user: number;
            /** Persona */
            persona: number;
            /** Global */
            global: number;
        };
        /**
         * EvidenceView
         * @description How much is known of a user.
         *
         *     `mass` is Σ |weight| · decay; `effective_sample_size` is how many equally
         *     weighted events that is worth (Kish); `events` counts all ever folded;
         *     `newest_at` is the event time of the newest one still kept.
         */
        EvidenceView: {
            /** Mass */
            mass: number;
            /** Effective Sample Size */
            effective_sample_size: number;
            /** Events */
            events: number;
            /** Newest At */
            newest_at: string | null;
        };
        /**
         * ExplanationView
         * @description A user's own layer taken apart, as it is or as it would be with other half-lives.
         *
         *     Attributes:
         *         half_life_s, half_rank: What the answer was computed with: seconds, and later events, in
         *             which evidence halves. `policy_half_life_s` and `policy_half_rank` are in force.
         *         space: Version of the item space it was computed in; 0 for that of item texts.
         *         persona: Nearest to this direction of those that are shown; null without one.
         *         weights: By this evidence alone; a learned model weighs in more.
         *         events: Newest first. What was superseded or has been forgotten is not there.
         *         items: Nearest first, of those the user has had nothing to do with.
         *         withheld: Kinds of data that the data policy keeps from explanations.
         */
        ExplanationView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            /** Half Life S */
            half_life_s: number;
            /** Half Rank */
            half_rank: number;
            /** Policy Half Life S */
            policy_half_life_s: number;
            /** Policy Half Rank */
            policy_half_rank: number;
            /** Space */
            space: number;
            /** Persona */
            persona: string | null;
            evidence: components["schemas"]["EvidenceView"];
            weights: components["schemas"]["WeightsView"];
            /** Events */
            events: components["schemas"]["EventEvidenceView"][];
            /** Items */
            items: components["schemas"]["MovedItemView"][];
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /**
             * Withheld
             * @default []
             */
            withheld?: string[];
        };
        /**
         * Filters
         * @description Which documents; each that is given must hold. `since` and `until` are included.
         */
        Filters: {
            /** Kind */
            kind?: string | null;
            /** Document Id */
            document_id?: string | null;
            /**
             * About
             * @description An item id that the document names
             */
            about?: string | null;
            /** Since */
            since?: string | null;
            /** Until */
            until?: string | null;
        };
        /**
         * FoundItemView
         * @description An item whose description answers the query; `level` put it forward for this user.
         */
        FoundItemView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Text */
            text: string;
            /** Score */
            score: number;
            level: components["schemas"]["Layer"];
        };
        /**
         * InterestView
         * @description An item that a user's live entries are about.
         *
         *     `worth` is Σ weight · decay over them; negative for a dislike. The rest is of
         *     the newest one.
         */
        InterestView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Worth */
            worth: number;
            /** Action */
            action: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Data Type */
            data_type: string;
        };
        /**
         * ItemTrendView
         * @description An item rising: events in the window against the window before.
         *
         *     `score` is the difference in standard deviations of a Poisson count; > 0.
         */
        ItemTrendView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Score */
            score: number;
            /** Recent */
            recent: number;
            /** Before */
            before: number;
        };
        /**
         * LabelView
         * @description Something a persona likes more than everyone does; `score` is a z-score, > 0.
         *
         *     `count` is how many positive entries of its members are behind it.
         */
        LabelView: {
            /** Text */
            text: string;
            /** Score */
            score: number;
            /** Count */
            count: number;
        };
        /**
         * LanguageView
         * @description `code` is ISO 639-1; `share` is of the letters looked at.
         */
        LanguageView: {
            /** Code */
            code: string;
            /** Share */
            share: number;
        };
        /**
         * Layer
         * @description What is known of one user, of the persona they resemble, of everybody.
         *
         *     From the most particular to the most general.
         * @enum {string}
         */
        Layer: "user" | "persona" | "global";
        /**
         * LearnedView
         * @description The learned model that an answer was made by, one version from start to end.
         *
         *     Attributes:
         *         version: Of the models.
         *         space: Of the item space they are in.
         *         uncertainty: Entropy of which item is next, as a part of the most there could be:
         *             1 where all are equally likely.
         *         persona_abstains: The user's personas are such as do not predict.
         */
        LearnedView: {
            /** Version */
            version: number;
            /** Space */
            space: number;
            /** Uncertainty */
            uncertainty: number;
            effective_sample_size: components["schemas"]["EvidenceByLayerView"];
            /** Persona Abstains */
            persona_abstains: boolean;
        };
        /**
         * MembershipView
         * @description The persona a user resembles. `share` is its part of all users with a direction.
         */
        MembershipView: {
            /** Id */
            id: string;
            /** Size */
            size: number;
            /** Share */
            share: number;
            /** Labels */
            labels: components["schemas"]["LabelView"][];
        };
        /**
         * MineView
         * @description What is kept of a person, for that person to read.
         *
         *     Attributes:
         *         known: False if nothing is kept.
         *         kinds: What they stated, wrote, did and chose.
         *         inferred: What was worked out from it.
         */
        MineView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            /** Kinds */
            kinds: components["schemas"]["OwnKindView"][];
            /** Inferred */
            inferred: components["schemas"]["OwnInferenceView"][];
        };
        /**
         * MovedByView
         * @description An event's part in how near an item is; `event` is its place in `events`, from 0.
         */
        MovedByView: {
            /** Event */
            event: number;
            /** Part */
            part: number;
        };
        /**
         * MovedItemView
         * @description An item and the events that moved the user towards it, or away.
         *
         *     `score` is the dot product of the user's direction and the item's vector: the parts of all
         *     events sum to it. `moved_by` are the largest, either way.
         */
        MovedItemView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Score */
            score: number;
            /** Moved By */
            moved_by: components["schemas"]["MovedByView"][];
        };
        /**
         * NamedItemView
         * @description An item; `title` is null while it has none.
         */
        NamedItemView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
        };
        /**
         * NormView
         * @description A rule of people that wins over what is learned.
         *
         *     Attributes:
         *         kind: "never", "only" or "always".
         *         reason: For the people it holds for.
         *         declared_by, since: Where it comes from.
         */
        NormView: {
            /** Id */
            id: string;
            /** Kind */
            kind: string;
            /** Reason */
            reason: string;
            /** Declared By */
            declared_by: string;
            /**
             * Since
             * Format: date
             */
            since: string;
        };
        /**
         * OwnInferenceView
         * @description Something nobody stated: it was worked out. `rests_on` are kinds of data.
         *
         *     It cannot be removed by itself, only through what it rests on.
         */
        OwnInferenceView: {
            /** What */
            what: string;
            /** Text */
            text: string;
            /** Rests On */
            rests_on: string[];
        };
        /**
         * OwnKindView
         * @description A kind of data, and what is kept of it.
         *
         *     Attributes:
         *         consent: What the person said last: true for granted; null if they said nothing.
         *         consent_needed: "not-needed", "opt-out" or "opt-in", by the data policy.
         *         kept_days: How long it is kept by the policy; null for no limit but the latest entries.
         *         purposes: What may see it.
         *         events: Kept and counted, over all time.
         *         since: Of the oldest line; null without any.
         *         lines: Newest first.
         *         more: Lines that are kept and not listed.
         */
        OwnKindView: {
            /** Data Type */
            data_type: string;
            /** Consent */
            consent: boolean | null;
            /** Consent Needed */
            consent_needed: string;
            /** Kept Days */
            kept_days: number | null;
            /** Purposes */
            purposes: string[];
            /** Events */
            events: number;
            /** Since */
            since: string | null;
            /** Lines */
            lines: components["schemas"]["OwnLineView"][];
            /** More */
            more: number;
        };
        /**
         * OwnLineView
         * @description One thing that a person stated, wrote, did or chose, as it is kept.
         *
         *     Attributes:
         *         id: Of the line: "attributes/NAME", or "TYPE/EVENT/TIME".
         *         text: In plain words.
         *         at: When it was stated or happened.
         *         kept_until: When it is forgotten of itself; null for as long as it is among the latest.
         *         name, value: Of an attribute, which can be stated anew; else null.
         */
        OwnLineView: {
            /** Id */
            id: string;
            /** Text */
            text: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Kept Until */
            kept_until: string | null;
            /** Name */
            name?: string | null;
            /** Value */
            value?: string | number | boolean | null;
        };
        /**
         * PairRequest
         * @description Two sides.
         */
        PairRequest: {
            a: components["schemas"]["SideRequest"];
            b: components["schemas"]["SideRequest"];
        };
        /**
         * PairScoreView
         * @description Which of two the user prefers: towards `a`, by level.
         *
         *     Attributes:
         *         shares: As of a signed choice.
         */
        PairScoreView: {
            a: components["schemas"]["SideView"];
            b: components["schemas"]["SideView"];
            /** Levels */
            levels: {
                [key: string]: components["schemas"]["ChoiceView"];
            };
            /** Shares */
            shares: {
                [key: string]: number;
            };
        };
        /**
         * PersonaView
         * @description A persona as published, and what is popular in it.
         *
         *     Attributes:
         *         advantage: Of a discovered one; null where there were too few users to find out.
         *         share: Of the users with a direction; of a declared persona, of all with any event.
         *         labels: Of a discovered one.
         *         title, description: Of a declared one; null for a discovered one.
         */
        PersonaView: {
            /** Tenant */
            tenant: string;
            /** Id */
            id: string;
            /** Size */
            size: number;
            /** Share */
            share: number;
            /** Labels */
            labels: components["schemas"]["LabelView"][];
            /** Popular */
            popular: components["schemas"]["PopularItemView"][];
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /** Title */
            title?: string | null;
            /** Description */
            description?: string | null;
            advantage?: components["schemas"]["AdvantageView"] | null;
        };
        /**
         * PersonasView
         * @description The tenant's discovered personas, largest first, and the declared ones.
         *
         *     Attributes:
         *         version: Of the published set; null if none was published yet.
         *         users: Users with a direction when it was published.
         *         sought_events: Events of users that were counted when personas were last sought.
         *         hidden: Personas not listed because they have fewer than `minimum_size` members.
         *         declared: In the order of their file, as far as they are large enough.
         *         declared_hidden: Those that are not.
         *         silhouette: How well apart the personas lie, in [-1, 1]; null without a set.
         *         next_cursor: Asks for the personas after these; null if there are none.
         */
        PersonasView: {
            /** Tenant */
            tenant: string;
            /** Version */
            version: number | null;
            /** Users */
            users: number;
            /** Silhouette */
            silhouette: number | null;
            /** Minimum Size */
            minimum_size: number;
            /** Hidden */
            hidden: number;
            /** Personas */
            personas: components["schemas"]["PersonaView"][];
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /** Next Cursor */
            next_cursor?: string | null;
            /**
             * Declared
             * @default []
             */
            declared?: components["schemas"]["PersonaView"][];
            /**
             * Declared Hidden
             * @default 0
             */
            declared_hidden?: number;
            /**
             * Sought Events
             * @default 0
             */
            sought_events?: number;
        };
        /**
         * PopularItemView
         * @description `score` is decayed popularity; the others count users' live entries of that sign.
         */
        PopularItemView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Score */
            score: number;
            /** Positive */
            positive: number;
            /** Negative */
            negative: number;
        };
        /**
         * Problem
         * @description Problem details (RFC 9457), media type `application/problem+json`.
         *
         *     `type` is a URN that stays; `detail` is about this occurrence. `fields` are
         *     given when the request is at fault. `request_id` is that of the answer's
         *     header `X-Request-ID`, and stands in the service's log.
         */
        Problem: {
            /** Type */
            type: string;
            /** Title */
            title: string;
            /** Status */
            status: number;
            /** Detail */
            detail: string;
            /** Instance */
            instance: string;
            /**
             * Fields
             * @default []
             */
            fields?: components["schemas"]["ProblemField"][];
            /** Request Id */
            request_id?: string | null;
        };
        /**
         * ProblemField
         * @description One thing wrong with a request.
         *
         *     Attributes:
         *         where: A path such as `body.limit`; `body.3` is the event at index 3.
         *         code: A fixed word for programs; null if only the message tells.
         */
        ProblemField: {
            /** Where */
            where: string;
            /** Message */
            message: string;
            /** Code */
            code?: string | null;
        };
        /**
         * ProfileView
         * @description What is known about a user, and how sure that is.
         *
         *     Attributes:
         *         known: False if no event of this user was ever folded.
         *         level: The layer with the largest weight: what the answer rests on.
         *         version: Of the user's state; 0 if unknown.
         *         persona: Null for the reason given in `persona_absent`.
         *         declared: Declared personas of the user, in the order of their file; those
         *             that are too small to be shown are left out.
         *         interests: Strongest likes first, at most 32 together with `dislikes`.
         *         dislikes: Strongest first.
         *         totals: Data type → action → events ever.
         *         attributes: What the user stated.
         *         popular: What is popular in the layer above: the persona if one is named, else everybody.
         *         waiting: Some event is about an item that is not described yet.
         *         space: Version of the item space that the user stands in; 0 before any was learned.
         *         withheld: Kinds of data that the data policy keeps from profiles.
         *         as_of: Arrival of the newest record folded in; for a user without one,
         *             the event time that the statistics end at. Null if neither is known.
         */
        ProfileView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            level: components["schemas"]["Layer"];
            /** Version */
            version: number;
            persona: components["schemas"]["MembershipView"] | null;
            persona_absent: components["schemas"]["AbsenceView"] | null;
            evidence: components["schemas"]["EvidenceView"];
            weights: components["schemas"]["WeightsView"];
            /** Interests */
            interests: components["schemas"]["InterestView"][];
            /** Dislikes */
            dislikes: components["schemas"]["InterestView"][];
            /** Totals */
            totals: {
                [key: string]: {
                    [key: string]: number;
                };
            };
            /** Attributes */
            attributes: {
                [key: string]: string | number | boolean;
            };
            /** Popular */
            popular: components["schemas"]["PopularItemView"][];
            /** Waiting */
            waiting: boolean;
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /** As Of */
            as_of: string | null;
            /**
             * Declared
             * @default []
             */
            declared?: components["schemas"]["DeclaredMembershipView"][];
            /**
             * Space
             * @default 0
             */
            space?: number;
            /**
             * Withheld
             * @default []
             */
            withheld?: string[];
        };
        /**
         * ProfilesView
         * @description In the order asked.
         */
        ProfilesView: {
            /** Profiles */
            profiles: components["schemas"]["ProfileView"][];
        };
        /**
         * RankRequest
         * @description `exclude_seen` leaves out items of the user's kept events.
         */
        RankRequest: {
            /** User Id */
            user_id: string;
            /**
             * Limit
             * @default 10
             */
            limit?: number;
            /**
             * Exclude Seen
             * @default true
             */
            exclude_seen?: boolean;
        };
        /**
         * RankedItemView
         * @description An item in its place.
         *
         *     `score` is in [0, 1]. By a learned model it is the chance that of all items left this
         *     is the one liked next; before there is one, 1 is an item that every layer in use puts
         *     first. It is null, and there are no reasons, for an item that only a norm put there.
         *     `norm` is "norm:ID" for an item that a norm put in its place.
         */
        RankedItemView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Score */
            score: number | null;
            /** Reasons */
            reasons: components["schemas"]["ReasonView"][];
            /** Norm */
            norm?: string | null;
        };
        /**
         * RankingView
         * @description Items for a user, best first. Fields as in `ProfileView`.
         *
         *     Attributes:
         *         norms: Those that hold for the user, with what each did to the answer.
         *         learned: Null before anything was learned.
         *         withheld: Kinds of data that the data policy keeps from rankings.
         */
        RankingView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            level: components["schemas"]["Layer"];
            persona: components["schemas"]["MembershipView"] | null;
            persona_absent: components["schemas"]["AbsenceView"] | null;
            evidence: components["schemas"]["EvidenceView"];
            weights: components["schemas"]["WeightsView"];
            /** Exclude Seen */
            exclude_seen: boolean;
            /** Items */
            items: components["schemas"]["RankedItemView"][];
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /**
             * Norms
             * @default []
             */
            norms?: components["schemas"]["AppliedNormView"][];
            learned?: components["schemas"]["LearnedView"] | null;
            /**
             * Withheld
             * @default []
             */
            withheld?: string[];
        };
        /**
         * ReadinessView
         * @description Whether every store answers.
         *
         *     Attributes:
         *         ready: Whether questions can be answered.
         *         stores: By name; "kafka" too where events are taken, which `ready` does not depend on.
         */
        ReadinessView: {
            /** Ready */
            ready: boolean;
            /** Stores */
            stores: {
                [key: string]: components["schemas"]["StoreReadinessView"];
            };
        };
        /**
         * ReasonView
         * @description A layer's part in an item's score.
         *
         *     `share` is in (0, 1]; the shares of one item sum to 1. `because_item` is the
         *     liked item nearest to this one; only the user layer has it.
         */
        ReasonView: {
            layer: components["schemas"]["Layer"];
            /** Text */
            text: string;
            /** Share */
            share: number;
            because_item: components["schemas"]["NamedItemView"] | null;
        };
        /**
         * RefusedEventView
         * @description An event that was not sent; nothing of it is kept.
         *
         *     Attributes:
         *         index: Place in the request, from 0.
         *         code: "consent-missing".
         */
        RefusedEventView: {
            /** Index */
            index: number;
            /** Data Type */
            data_type: string;
            /** Code */
            code: string;
            /** Text */
            text: string;
        };
        /**
         * RetrievalView
         * @description What a user wrote that answers a query; else items, and why.
         *
         *     Attributes:
         *         known: False if no event of this user was ever folded.
         *         level: `user` for passages, which are the user's own and nobody else's; else the layer
         *             that most of the items come from; null if nothing was found.
         *         searched: "meaning" and "words", or what of them could be.
         *         passages: In the order in which they were chosen.
         *         items: Only without passages; never anything that anybody wrote or did.
         *         fallback: What is offered in place of passages: "items", or "nothing" where none answers
         *             either; null where there are passages.
         *         absent: Why there are no passages.
         *         withheld: Kinds of data that the data policy keeps from language models.
         */
        RetrievalView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            level: components["schemas"]["Layer"] | null;
            /** Searched */
            searched: string[];
            /** Passages */
            passages: components["schemas"]["RetrievedPassageView"][];
            /** Items */
            items: components["schemas"]["FoundItemView"][];
            absent: components["schemas"]["AbsenceView"] | null;
            /**
             * Withheld
             * @default []
             */
            withheld?: string[];
            /** Fallback */
            fallback?: ("items" | "nothing") | null;
        };
        /**
         * RetrieveRequest
         * @description A question to what a user wrote.
         *
         *     `half_life` is in seconds of event time before the user's newest document, null for no
         *     decay; `diversity` 0 takes the best, 1 what differs most from what is taken.
         */
        RetrieveRequest: {
            /** User Id */
            user_id: string;
            /** Query */
            query: string;
            /**
             * Limit
             * @default 10
             */
            limit?: number;
            /** @default {} */
            filters?: components["schemas"]["Filters"];
            /** Half Life */
            half_life?: number | null;
            /**
             * Diversity
             * @default 0.3
             */
            diversity?: number;
        };
        /**
         * RetrievedPassageView
         * @description A piece of one of the user's own documents, and how it was found.
         *
         *     Attributes:
         *         at: Event time of the document's version.
         *         passage: Place in the document, from 0.
         *         start: First character of it in the document without its control characters.
         *         score: Fused rank, decayed with age; 1 for the first of both rankings.
         *         by_meaning, by_words: Rank in each ranking, from 1; null where it is not in it.
         */
        RetrievedPassageView: {
            /** Document Id */
            document_id: string;
            /** Title */
            title: string | null;
            /** Kind */
            kind: string | null;
            /** About */
            about: string[];
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Passage */
            passage: number;
            /** Start */
            start: number;
            /** Text */
            text: string;
            /** Score */
            score: number;
            /** By Meaning */
            by_meaning: number | null;
            /** By Words */
            by_words: number | null;
            level: components["schemas"]["Layer"];
        };
        /**
         * ScoreRequest
         * @description Items that the user may be for or against, and pairs of which they may prefer one.
         */
        ScoreRequest: {
            /** User Id */
            user_id: string;
            /**
             * Items
             * @default []
             */
            items?: string[];
            /**
             * Pairs
             * @default []
             */
            pairs?: components["schemas"]["PairRequest"][];
        };
        /**
         * ScoresView
         * @description Signed choices and comparisons, each in the order asked, by one version of the models.
         *
         *     Attributes:
         *         known: False if no event of this user was ever folded.
         *         version: Of the models.
         *         absent: Why there are no scores; null if there are.
         *         withheld: Kinds of data that the data policy keeps from scores.
         */
        ScoresView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            /** Version */
            version: number | null;
            /** Items */
            items: components["schemas"]["SignScoreView"][];
            /** Pairs */
            pairs: components["schemas"]["PairScoreView"][];
            absent: components["schemas"]["AbsenceView"] | null;
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /**
             * Withheld
             * @default []
             */
            withheld?: string[];
        };
        /**
         * SideRequest
         * @description One side of a comparison: an item, or a text; exactly one of them.
         */
        SideRequest: {
            /** Item Id */
            item_id?: string | null;
            /** Text */
            text?: string | null;
        };
        /**
         * SideView
         * @description One side of a comparison: an item, or a text.
         */
        SideView: {
            /** Item Id */
            item_id: string | null;
            /** Text */
            text: string | null;
        };
        /**
         * SignScoreView
         * @description Whether the user is for an item: "global", "persona", "user" and "blend".
         *
         *     Attributes:
         *         shares: Part of the blend's log-odds that each layer brings, summing to 1; all 0 where
         *             the log-odds are.
         */
        SignScoreView: {
            /** Item Id */
            item_id: string;
            /** Levels */
            levels: {
                [key: string]: components["schemas"]["ChoiceView"];
            };
            /** Shares */
            shares: {
                [key: string]: number;
            };
        };
        /**
         * SilencedPersonaView
         * @description How a persona fares under what is best for everybody on average.
         *
         *     Attributes:
         *         satisfaction: With the list that is best on average.
         *         protected: With the list that gives every persona at least the floor of the weight.
         *         ratio: `satisfaction` over the largest persona's; null where that is 0.
         *         top: What it prefers most; null without enough acts on anything.
         *         top_reversed: Everybody's preference is opposite to its own about `top`.
         *         silenced: That, or `ratio` under the fraction.
         *         reversed: All its preferences that the average turns round; the surest are `reversals`.
         */
        SilencedPersonaView: {
            /** Persona */
            persona: string;
            /** Size */
            size: number;
            /** Satisfaction */
            satisfaction: number;
            /** Protected */
            protected: number;
            /** Ratio */
            ratio: number | null;
            top: components["schemas"]["NamedItemView"] | null;
            /** Top Reversed */
            top_reversed: boolean;
            /** Silenced */
            silenced: boolean;
            /** Reversed */
            reversed: number;
            /** Reversals */
            reversals: components["schemas"]["SilencedReversalView"][];
        };
        /**
         * SilencedReversalView
         * @description A preference of a persona that is the opposite of everybody's.
         *
         *     Margins are the share of acts that are for `item`, less one half, or less the share for
         *     `over`; `q_value` is the smallest false discovery rate at which it counts.
         */
        SilencedReversalView: {
            item: components["schemas"]["NamedItemView"];
            over: components["schemas"]["NamedItemView"] | null;
            /** Persona Margin */
            persona_margin: number;
            /** Overall Margin */
            overall_margin: number;
            /** Q Value */
            q_value: number;
        };
        /**
         * SilencedView
         * @description Whom the average silences, by discovered persona; the worst satisfied first.
         *
         *     Attributes:
         *         users: Members of the personas that were looked at.
         *         share: Part of them whose persona is silenced: the alarm.
         *         satisfaction: How it is measured: "approval" or "coverage".
         *         price: Mean loss of satisfaction per user if each persona had at least `floor` of the
         *             weight; `price_others` of the personas that this does not raise.
         *         gauges: The alarm and the price by the names that a metrics system would give them.
         */
        SilencedView: {
            /** Users */
            users: number;
            /** Share */
            share: number;
            /** Satisfaction */
            satisfaction: string;
            /** Fraction */
            fraction: number;
            /** Floor */
            floor: number;
            /** Price */
            price: number;
            /** Price Others */
            price_others: number | null;
            /** Personas */
            personas: components["schemas"]["SilencedPersonaView"][];
            /** Gauges */
            gauges: {
                [key: string]: number;
            };
        };
        /**
         * SimilarItemView
         * @description `score` is the dot product of the two item vectors.
         */
        SimilarItemView: {
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Score */
            score: number;
        };
        /**
         * SimilarItemsView
         * @description Nearest items first; none while the item itself is not described.
         */
        SimilarItemsView: {
            /** Tenant */
            tenant: string;
            /** Item Id */
            item_id: string;
            /** Title */
            title: string | null;
            /** Described */
            described: boolean;
            /** Items */
            items: components["schemas"]["SimilarItemView"][];
        };
        /**
         * SimilarUserView
         * @description `score` is a cosine. `persona` is null if there is none or it is hidden.
         */
        SimilarUserView: {
            /** User Id */
            user_id: string;
            /** Score */
            score: number;
            /** Persona */
            persona: string | null;
        };
        /**
         * SimilarUsersView
         * @description Nearest users first; none while the user's evidence has no direction.
         */
        SimilarUsersView: {
            /** Tenant */
            tenant: string;
            /** User Id */
            user_id: string;
            /** Known */
            known: boolean;
            /** Directed */
            directed: boolean;
            /** Users */
            users: components["schemas"]["SimilarUserView"][];
        };
        /**
         * StatisticsView
         * @description Statistics of everybody, or of one persona.
         *
         *     Attributes:
         *         persona: Whose statistics; null for everybody's.
         *         published: False while none have been published: all else is then empty.
         *         users: Users with any event.
         *         directed: Users whose evidence has a direction.
         *         events: Data type → action → events ever.
         *         popular: Highest decayed popularity first.
         *         trends: Window ("1h", "24h", "7d") → items rising most in it.
         *         attributes: Name → most frequent values.
         *         as_of: Event time that windows and decay end at.
         *         norms: In force for everybody or some, in the order of their file; none with a persona.
         *         silenced: Null for a persona's, and while there are fewer than two personas of some size.
         */
        StatisticsView: {
            /** Tenant */
            tenant: string;
            /** Persona */
            persona: string | null;
            /** Published */
            published: boolean;
            /** Users */
            users: number;
            /** Directed */
            directed: number;
            /** Events */
            events: {
                [key: string]: {
                    [key: string]: number;
                };
            };
            /** Popular */
            popular: components["schemas"]["PopularItemView"][];
            /** Trends */
            trends: {
                [key: string]: components["schemas"]["ItemTrendView"][];
            };
            /** Attributes */
            attributes: {
                [key: string]: components["schemas"]["ValueCountView"][];
            };
            /** As Of */
            as_of: string | null;
            /** Stale */
            stale: boolean;
            /** Stale Because */
            stale_because: string[];
            /**
             * Norms
             * @default []
             */
            norms?: components["schemas"]["NormView"][];
            silenced?: components["schemas"]["SilencedView"] | null;
        };
        /**
         * StoreReadinessView
         * @description Whether a store answers; `error` says how it failed.
         */
        StoreReadinessView: {
            /** Ready */
            ready: boolean;
            /** Error */
            error: string | null;
        };
        /**
         * TermView
         * @description A word that the user uses more than everybody; `score` is a z-score.
         */
        TermView: {
            /** Term */
            term: string;
            /** Score */
            score: number;
            /** Count */
            count: number;
        };
        /**
         * ValueCountView
         * @description How many users stated this value.
         */
        ValueCountView: {
            /** Value */
            value: string | number | boolean | null;
            /** Users */
            users: number;
        };
        /**
         * WeightsView
         * @description How much each layer weighs in an answer; they sum to 1 up to rounding of floats.
         */
        WeightsView: {
            /** User */
            user: number;
            /** Persona */
            persona: number;
            /** Global */
            global: number;
        };
        /**
         * WritingView
         * @description What a user writes about, in which language, and how much, of their newest passages.
         */
        WritingView: {
            /** Documents */
            documents: number;
            /** Passages */
            passages: number;
            /** Words */
            words: number;
            /** Mean Words */
            mean_words: number;
            /** Languages */
            languages: components["schemas"]["LanguageView"][];
            /** Terms */
            terms: components["schemas"]["TermView"][];
        };
        /**
         * Attributes
         * @description What is static about a user.
         */
        Attributes: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "attributes";
            /** User Id */
            user_id: string;
            /** Attributes */
            attributes: {
                [key: string]: string | boolean | number;
            };
        };
        /**
         * Choice
         * @description One side of a preference: either an item or a text.
         */
        Choice: {
            /**
             * Item Id
             * @default null
             */
            item_id?: string | null;
            /**
             * Text
             * @default null
             */
            text?: string | null;
        } & ({
            item_id: string;
        } | {
            text: string;
        });
        /**
         * Consent
         * @description Whether a kind of the user's data may be used from now on.
         */
        Consent: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "consent";
            /** User Id */
            user_id: string;
            /**
             * Data Type
             * @enum {string}
             */
            data_type: "documents" | "attributes" | "interactions" | "preferences";
            /** Granted */
            granted: boolean;
        };
        /**
         * Document
         * @description What a user wrote; `about` names the items it speaks of.
         */
        Document: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "document";
            /** User Id */
            user_id: string;
            /** Document Id */
            document_id: string;
            /** Text */
            text: string;
            /**
             * Title
             * @default null
             */
            title?: string | null;
            /**
             * Kind
             * @default null
             */
            kind?: string | null;
            /**
             * About
             * @default null
             */
            about?: string[] | null;
        };
        /**
         * Erasure
         * @description Everything about the user is to be forgotten.
         */
        Erasure: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "erasure";
            /** User Id */
            user_id: string;
        };
        /**
         * Identity
         * @description The anonymous id `same_as` turned out to be this user.
         */
        Identity: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "identity";
            /** User Id */
            user_id: string;
            /** Same As */
            same_as: string;
        };
        /**
         * Interaction
         * @description What a user did with an item, such as `view`, `rate` with a value, or `vote`.
         */
        Interaction: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "interaction";
            /** User Id */
            user_id: string;
            /** Item Id */
            item_id: string;
            /** Action */
            action: string;
            /**
             * Value
             * @default null
             */
            value?: number | null;
            /**
             * Context
             * @default null
             */
            context?: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * Item
         * @description What is offered; the latest event of an item replaces it.
         */
        Item: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "item";
            /** Item Id */
            item_id: string;
            /** Text */
            text: string;
            /**
             * Title
             * @default null
             */
            title?: string | null;
            /**
             * Attributes
             * @default null
             */
            attributes?: {
                [key: string]: string | boolean | number | (string | boolean | number)[];
            } | null;
        };
        /**
         * ItemRetired
         * @description The item is no longer offered; history keeps it.
         */
        ItemRetired: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "item_retired";
            /** Item Id */
            item_id: string;
        };
        /**
         * Preference
         * @description Which of two a user chose; with a strength of 0, that they saw no difference.
         */
        Preference: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "preference";
            /** User Id */
            user_id: string;
            chosen: components["schemas"]["Choice"];
            rejected: components["schemas"]["Choice"];
            /**
             * Prompt
             * @default null
             */
            prompt?: string | null;
            /**
             * Strength
             * @default null
             */
            strength?: number | null;
        };
        /**
         * Removal
         * @description One line is to be forgotten: an event of the user's, or what they stated of an attribute.
         *
         *     Of attributes `attribute` names which; every value stated up to `occurred_at` goes. Of other
         *     kinds `removed_id` and `removed_at` are `event_id` and `occurred_at` of the event that goes.
         */
        Removal: {
            /** Event Id */
            event_id: string;
            /**
             * Occurred At
             * @description RFC 3339 date-time, or epoch seconds; not before 1970
             */
            occurred_at: string | number;
            /**
             * Tenant
             * @default default
             */
            tenant?: string | null;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "removal";
            /** User Id */
            user_id: string;
            /**
             * Data Type
             * @enum {string}
             */
            data_type: "documents" | "attributes" | "interactions" | "preferences";
            /**
             * Attribute
             * @default null
             */
            attribute?: string | null;
            /**
             * Removed Id
             * @default null
             */
            removed_id?: string | null;
            /**
             * Removed At
             * @default null
             */
            removed_at?: (string | number) | null;
        };
        Event: components["schemas"]["Interaction"] | components["schemas"]["Preference"] | components["schemas"]["Document"] | components["schemas"]["Attributes"] | components["schemas"]["Item"] | components["schemas"]["Consent"] | components["schemas"]["Erasure"] | components["schemas"]["ItemRetired"] | components["schemas"]["Identity"] | components["schemas"]["Removal"];
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    explanation: {
        parameters: {
            query?: {
                /** @description Seconds in which evidence halves, to see what would be. */
                half_life_s?: number | null;
                /** @description Later events in which evidence halves, likewise. */
                half_rank?: number | null;
                limit?: number;
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExplanationView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    profile: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProfileView"];
                };
            };
            /** @description Unchanged since the answer whose ETag came in If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    profiles: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BatchRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProfilesView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Timeout */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rank: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RankRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RankingView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Timeout */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    score: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ScoreRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScoresView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Timeout */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    personas: {
        parameters: {
            query?: {
                limit?: number;
                /** @description `next_cursor` of the page before; opaque */
                cursor?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PersonasView"];
                };
            };
            /** @description Unchanged since the answer whose ETag came in If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    persona: {
        parameters: {
            query?: never;
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                persona_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PersonaView"];
                };
            };
            /** @description Unchanged since the answer whose ETag came in If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    statistics: {
        parameters: {
            query?: {
                persona?: string | null;
                most?: number;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatisticsView"];
                };
            };
            /** @description Unchanged since the answer whose ETag came in If-None-Match */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    similar_items: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                item_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SimilarItemsView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    similar_users: {
        parameters: {
            query?: {
                limit?: number;
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SimilarUsersView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    livez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: boolean;
                    };
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadinessView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadinessView"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    retrieve: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RetrieveRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetrievalView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Timeout */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    context: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContextRequest"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContextView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Timeout */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    export: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One event per line, as `POST /v1/events` and `strata publish` take them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    mine: {
        parameters: {
            query?: {
                /** @description A token from publishing: the answer knows at least those events, or is a problem (503 with Retry-After) if they have not been taken in within two seconds. */
                at_least?: string | null;
            };
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MineView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    erase: {
        parameters: {
            query?: never;
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErasureView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    erasure: {
        parameters: {
            query?: never;
            header?: {
                "x-strata-tenant"?: string;
            };
            path: {
                erasure_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErasureView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    publish_events: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 visible ASCII characters. The same body under the same key is sent once and answered alike for a day. */
                "idempotency-key"?: string | null;
                "x-strata-tenant"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Event"] | components["schemas"]["Event"][];
            };
        };
        responses: {
            /** @description Successful Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptedView"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Timeout */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Request Entity Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Misdirected Request */
            421: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
