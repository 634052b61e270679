/* The revocation protocol: when TerminatePartner returns, no healthy gateway writes another byte to the partner, and whatever a
 * gateway that was paused still writes is in the deletion campaign.
 *
 * Two gateways on one store serve PARTNERS partners. A partner's lane is leased to one gateway at a time; the lease tells it that
 * what it knows of the partner's fence is fresh. Every guarded command is one transaction of the store or one step of one thread,
 * and they interleave freely. Time is a clock of ticks: a lease lasts LEASE of them, counted by its holder from before it asked
 * and by the store from when it answered. A healthy gateway needs at most MARGIN ticks from passing a fence to the end of its
 * write, a paused one any number. The code names these steps ("model: commit") where it takes them;
 * leases are for several gateways, and one that holds its store for itself takes no step of theirs.
 *
 * check.sh builds it twice. With one partner everything may happen. Partners share no state but the gateways' crashes, pauses and
 * clocks, which are arbitrary there, and the FenceVersion; so the second build (COARSE) has two partners, for the FenceVersion,
 * but no clock: no pauses, no answers on their way, and a lease lasts until its holder crashes. So every state of both can be seen.
 *
 * Built with one of the BREAK_ macros the protocol lacks one of its parts, and the check must find a violation.
 * The discipline of leases is that of C. Gray and D. Cheriton, "Leases", SOSP 1989.
 */
#define GATEWAYS 2
#define LEASE 1
#ifdef COARSE
#define PARTNERS 2
#define PAIRS 4
#define MARGIN 0 /* nothing counts it */
#else
#define PARTNERS 1
#define PAIRS 2
#define MARGIN 1
#endif
#ifndef RECORDS
#define RECORDS 1
#endif
#define NOBODY GATEWAYS
#define At(g, p) (g * PARTNERS + p)

/* --- the store: durable */
byte version;             /* FenceVersion: one for all partners, raised by every revocation */
byte fence[PARTNERS];     /* the version at which the partner's was raised; 0: never. Raised: TERMINATING, the campaign exists */
byte committed[PARTNERS]; /* entries of the partner in the ledger */
byte marked[PARTNERS];    /* dispatch mark: entries up to here may have been handed over */
byte owner[PARTNERS];     /* gateway that has the lane */
byte granted[PARTNERS];   /* ticks until the store may give the lane to another */

/* --- a gateway's memory: gone after a crash */
byte snapshot[GATEWAYS];  /* FenceVersion that its snapshot was built at */
byte resolved[PAIRS];     /* an order at hand: 1 + the version of the snapshot that resolved it */
bool fence_open[PAIRS];
byte lease[PAIRS];        /* ticks that the lease still lasts by the gateway's own clock */
byte term[PAIRS];         /* the same for a renewal that is on its way */
byte renewal[PAIRS];
#define IDLE 0
#define ASKED 1
#define GRANTED 2
#define REFUSED 3
byte inside[PAIRS];       /* of the fence */
#define OUT 0
#define IN 1
#define LOOKED 2          /* broken fence: has looked, and is not counted yet */
byte age[PAIRS];          /* ticks since inside */

/* --- a termination */
byte stage[PARTNERS];
#define NONE 0
#define COMMITTED 1
#define CLOSING 2
#define WAITING 3
#define RETURNED 4
byte by[PARTNERS];        /* gateway that runs it */
byte waited[PARTNERS];    /* ticks by its clock since it began to wait for the other */
byte held[PARTNERS];      /* what it returned: entries that the partner may hold */

/* --- seen by nobody */
byte handed[PARTNERS];    /* entries written to the partner */
bool paused[GATEWAYS];

#define Revoked(p) (fence[p] > 0)
#define Knows(g, p) ((fence[p] > 0 && fence[p] <= snapshot[g]) || (by[p] == g && stage[p] >= CLOSING))
#define Confirmed(g, p) (Knows(g, p) && !fence_open[At(g, p)] && inside[At(g, p)] != IN)
#define LaneFree(g, p) (owner[p] == g || owner[p] == NOBODY || granted[p] == 0)

proctype Serve(byte g; byte p) {
  do
  /* lease: its term is counted from before the request */
  :: d_step { renewal[At(g, p)] == IDLE && lease[At(g, p)] == 0 && !Knows(g, p) ->
       renewal[At(g, p)] = ASKED; term[At(g, p)] = LEASE;
#ifndef COARSE
     }
  /* the store grants it and reads the fence in one transaction */
  :: d_step { renewal[At(g, p)] == ASKED ->
#endif
       if
#ifdef BREAK_RENEWAL_READS_NO_FENCE
       :: LaneFree(g, p) ->
#else
       :: LaneFree(g, p) && !Revoked(p) ->
#endif
          owner[p] = g; granted[p] = LEASE + MARGIN; renewal[At(g, p)] = GRANTED
       :: else -> renewal[At(g, p)] = REFUSED
       fi;
#ifndef COARSE
     }
  /* and the answer arrives, perhaps late */
  :: d_step { renewal[At(g, p)] >= GRANTED ->
#endif
       if
#ifdef BREAK_LATE_ANSWER_OPENS
       :: renewal[At(g, p)] == GRANTED ->
#else
       :: renewal[At(g, p)] == GRANTED && !Knows(g, p) ->
#endif
          fence_open[At(g, p)] = true;
#ifdef BREAK_TERM_COUNTED_FROM_THE_ANSWER
          lease[At(g, p)] = LEASE
#else
          lease[At(g, p)] = term[At(g, p)]
#endif
       :: else
       fi;
       renewal[At(g, p)] = IDLE; term[At(g, p)] = 0 }

  /* resolve: against a snapshot, whose version goes with the order */
  :: d_step { resolved[At(g, p)] == 0 && !Knows(g, p) && committed[p] < RECORDS -> resolved[At(g, p)] = 1 + snapshot[g] }
  /* commit: the transaction checks that no fence was raised after the order was resolved */
  :: d_step { resolved[At(g, p)] > 0 ->
       if
#ifdef BREAK_COMMIT_CHECKS_NO_FENCE
       :: committed[p] < RECORDS ->
#elif defined(BREAK_COMMIT_COMPARES_WITH_THE_NEWEST_SNAPSHOT)
       :: committed[p] < RECORDS && fence[p] <= snapshot[g] ->
#else
       :: committed[p] < RECORDS && fence[p] <= resolved[At(g, p)] - 1 ->
#endif
          assert(!Revoked(p)); /* what is committed later would be in no campaign */
          committed[p]++
       :: else
       fi;
       resolved[At(g, p)] = 0 }

  /* mark: durable before what it covers is handed over; by the lane's owner, and not past the fence */
#ifdef BREAK_MARK_CHECKS_NO_FENCE
  :: d_step { fence_open[At(g, p)] && owner[p] == g && marked[p] < committed[p] ->
#else
  :: d_step { fence_open[At(g, p)] && owner[p] == g && marked[p] < committed[p] && !Revoked(p) ->
#endif
       marked[p] = committed[p];
       assert(stage[p] != RETURNED) /* what was reported as never sent is not sent */
     }

  /* enter: the fence is open and the lease lasts; whoever is inside is counted in the same step */
#ifdef BREAK_HANDOVER_BEFORE_MARK
  :: d_step { fence_open[At(g, p)] && lease[At(g, p)] > 0 && inside[At(g, p)] == OUT && handed[p] < committed[p] ->
#else
  :: d_step { fence_open[At(g, p)] && lease[At(g, p)] > 0 && inside[At(g, p)] == OUT && handed[p] < marked[p] ->
#endif
#ifdef BREAK_FENCE_LOOKS_BEFORE_IT_COUNTS
       inside[At(g, p)] = LOOKED }
  :: d_step { inside[At(g, p)] == LOOKED ->
#endif
       inside[At(g, p)] = IN }
  /* handover, and leave */
  :: d_step { inside[At(g, p)] == IN ->
       if
       :: handed[p] < committed[p] ->
          handed[p]++;
          assert(handed[p] <= marked[p]);                      /* accounted, and known to be possibly held whatever crashes */
          assert(stage[p] != RETURNED || paused[g]);           /* revoked: nothing more from a healthy gateway */
          assert(stage[p] != RETURNED || handed[p] <= held[p]) /* and what a paused one writes was named */
       :: else
       fi;
       inside[At(g, p)] = OUT; age[At(g, p)] = 0 }

  /* terminate: epoch + 1, fence and campaign in one transaction */
  :: d_step { !Revoked(p) -> version++; fence[p] = version; stage[p] = COMMITTED; by[p] = g }
  /* close: the own fence, exclusively: no write starts, and it waits until none is under way */
  :: d_step { stage[p] == COMMITTED && by[p] == g ->
#ifndef BREAK_FENCE_STAYS_OPEN
       fence_open[At(g, p)] = false;
#endif
       stage[p] = CLOSING }
#ifdef BREAK_CLOSE_DOES_NOT_WAIT
  :: d_step { stage[p] == CLOSING && by[p] == g -> stage[p] = WAITING; waited[p] = 0 }
#else
  :: d_step { stage[p] == CLOSING && by[p] == g && inside[At(g, p)] != IN -> stage[p] = WAITING; waited[p] = 0 }
#endif
  /* await: the other gateway knows, its fence is closed with nobody inside; or its lease is over, with margin, by this one's clock */
#ifdef BREAK_REPLICAS_ARE_NOT_AWAITED
  :: d_step { stage[p] == WAITING && by[p] == g ->
#elif defined(BREAK_WAIT_WITHOUT_MARGIN)
  :: d_step { stage[p] == WAITING && by[p] == g && (Confirmed((1 - g), p) || waited[p] >= LEASE) ->
#else
  :: d_step { stage[p] == WAITING && by[p] == g && (Confirmed((1 - g), p) || waited[p] >= LEASE + MARGIN) ->
#endif
       held[p] = marked[p]; stage[p] = RETURNED }
  od
}
/* follow: a new snapshot closes the fences of those that it shows as revoked. */
inline Follow(g, p) {
  if
  :: Revoked(p) -> fence_open[At(g, p)] = false
  :: else
  fi
}

/* crash: kill -9 and a new start. What the dead process wrote was written. */
inline Crash(g, p) {
  resolved[At(g, p)] = 0; fence_open[At(g, p)] = false; lease[At(g, p)] = 0; term[At(g, p)] = 0; renewal[At(g, p)] = IDLE;
  inside[At(g, p)] = OUT; age[At(g, p)] = 0;
#ifdef COARSE
  if
  :: owner[p] == g -> granted[p] = 0
  :: else
  fi;
#endif
  if
  :: by[p] == g && (stage[p] == CLOSING || stage[p] == WAITING) -> stage[p] = COMMITTED; waited[p] = 0
  :: else
  fi
}

proctype Run(byte g) {
  do
  :: d_step { snapshot[g] < version -> snapshot[g] = version;
       Follow(g, 0)
#ifdef COARSE
       ; Follow(g, 1)
#endif
     }
  :: d_step { Crash(g, 0);
#ifdef COARSE
       Crash(g, 1);
#endif
       snapshot[g] = 0; paused[g] = false }
  /* whoever starts takes up a termination that a crash interrupted */
  :: d_step { stage[0] == COMMITTED -> by[0] = g }
#ifdef COARSE
  :: d_step { stage[1] == COMMITTED -> by[1] = g }
#else
  /* pause: SIGSTOP, or a virtual machine that is moved */
  :: d_step { !paused[g] -> paused[g] = true }
#endif
  od
}

#ifndef COARSE
/* Time passes, but not while a healthy gateway stands between fence and write for MARGIN already. */
#define Late(i) (inside[i] != OUT && age[i] >= MARGIN && !paused[i / PARTNERS])
proctype Clock() {
  byte i;
  do
  :: d_step { !Late(0) && !Late(1) ->
       for (i : 0 .. PAIRS - 1) {
         if :: lease[i] > 0 -> lease[i]-- :: else fi;
         if :: term[i] > 0 -> term[i]-- :: else fi;
         if :: inside[i] != OUT && age[i] < MARGIN -> age[i]++ :: else fi
       }
       for (i : 0 .. PARTNERS - 1) {
         if :: granted[i] > 0 -> granted[i]-- :: else fi;
         if :: stage[i] == WAITING && waited[i] < LEASE + MARGIN -> waited[i]++ :: else fi
       }
       i = 0 }
  od
}
#endif

init {
  atomic {
    owner[0] = NOBODY;
    run Serve(0, 0); run Serve(1, 0);
#ifdef COARSE
    owner[1] = NOBODY;
    run Serve(0, 1); run Serve(1, 1);
#else
    run Clock();
#endif
    run Run(0); run Run(1)
  }
}
