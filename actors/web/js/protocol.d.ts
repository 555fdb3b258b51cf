/** What travels between a client and an adjourn server. Made from the structs by `wire_types.py`. */

export type Message = UserMessage | AssistantMessage | ToolResultMessage;

export type UserBlock = Text | Image | ImageURL | File | Audio;

export type AssistantBlock = Text | Thinking | ToolCall | Opaque;

export type Event = AgentStart | AgentEnd | AgentPaused | AgentResume | AgentRetry | MiddlewareError | TurnStart | TurnEnd | MessageStart | MessageUpdate | MessageEnd | ToolExecutionStart | ToolExecutionUpdate | ToolExecutionEnd | ToolDecisionPending | ToolDecisionResolved | ToolClientExecutePending | ToolClientClaimed;

export type StreamDelta = Start | TextStart | TextDelta | TextEnd | ThinkingStart | ThinkingDelta | ThinkingEnd | ToolcallStart | ToolcallDelta | ToolcallEnd | OpaqueBlock;

/** Plain text. */
export interface Text {
  type: "text";
  text: string;
  /** of a model's text: the provider's word on it, of use to the same model only */
  signature?: string;
  /** of a model's text: what it rests on, in the words of its `api` */
  citations?: Record<string, any>[];
  cache?: "short" | "long";
}

/** An inline image. */
export interface Image {
  type: "image";
  /** base64 */
  data: string;
  /** image/png, ... */
  mimeType: string;
  cache?: "short" | "long";
}

/** An image at an address. The provider loads it from there, not this program. */
export interface ImageURL {
  type: "imageUrl";
  /** http or https; other addresses become a note to the model */
  url: string;
  cache?: "short" | "long";
}

/** A document, as PDF. It has `data`, or a `url` that the provider loads it from; where it has both, data counts. */
export interface File {
  type: "file";
  /** application/pdf, text/plain, ... */
  mimeType: string;
  /** base64 */
  data?: string;
  /** http or https */
  url?: string;
  /** of the file, as report.pdf */
  name?: string;
  cache?: "short" | "long";
}

/** A recording. */
export interface Audio {
  type: "audio";
  /** base64 */
  data: string;
  /** audio/wav, audio/mpeg */
  mimeType: string;
  cache?: "short" | "long";
}

/** A model's reasoning, with the provider's signature where it gave one. */
export interface Thinking {
  type: "thinking";
  thinking: string;
  /** the provider's: without it, it doesn't take the block back */
  signature?: string;
  /** there is nothing to read; the signature is all of it */
  redacted?: boolean;
}

/** The model asks for a tool. */
export interface ToolCall {
  type: "toolCall";
  /** minted by the runtime, unique for ever: the idempotency key for the outside */
  id: string;
  /** of the tool */
  name: string;
  arguments: Record<string, any>;
  /** the model's own words, where they are no JSON object that every wire can carry */
  rawArguments?: string;
  /** the id that the provider gave */
  providerId?: string;
  /** the provider's, of use to the same model only */
  signature?: string;
}

/** What a provider did by itself, as searching the web: it goes back as it came. Other providers see a note. */
export interface Opaque {
  type: "opaque";
  /** as in the `ModelDescriptor`: whose words `raw` are */
  api: string;
  /** the provider's own type of the block */
  kind: string;
  /** the provider's block, as JSON text */
  raw: string;
}

/** Money, in the currency of the model descriptor's prices; for a descriptor: per million tokens. */
export interface Cost {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  total: number;
}

/** Tokens of one model call, or of a run so far. `total_tokens` is the sum of the four. */
export interface Usage {
  /** without those that came from, or went into, the provider's cache */
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  totalTokens: number;
  cost: Cost;
  /** of `output`: the tokens of the model's reasoning, where the provider tells */
  reasoning?: number;
  /** what the provider says that it charges, in its currency; None: not said */
  providerCost?: number;
}

/** What a person said. */
export interface UserMessage {
  role: "user";
  content: string | UserBlock[];
  /** ms */
  timestamp: number;
  cache?: "short" | "long";
}

/** What the model said, whole, with how it ended. */
export interface AssistantMessage {
  role: "assistant";
  content: AssistantBlock[];
  /** these three as in the `ModelDescriptor` that was asked */
  api: string;
  provider: string;
  /** its id */
  model: string;
  /** of this call, with all its attempts */
  usage: Usage;
  stopReason: "stop" | "length" | "toolUse" | "error" | "aborted";
  /** of a call that failed, for a person */
  errorMessage?: string;
  /** of a call that failed */
  errorKind?: "transient" | "terminal";
  /** the provider's, for its support */
  responseId?: string;
  /** ms */
  timestamp: number;
  cache?: "short" | "long";
}

/** What a tool gave back. */
export interface ToolResultMessage {
  role: "toolResult";
  toolCallId: string;
  toolName: string;
  /** for the model */
  content: UserBlock[];
  /** the tool failed, or never executed */
  isError: boolean;
  /** for programs; the model sees content only */
  details?: any;
  /** ms */
  timestamp: number;
  cache?: "short" | "long";
  /** edited by the decider, in place of the model's; None: not edited */
  arguments?: Record<string, any>;
}

/** The model began to answer. */
export interface Start {
  type: "start";
}

/** A text block begins. */
export interface TextStart {
  type: "text_start";
  /** the block's place in the message, from 0. */
  contentIndex: number;
}

/** A text block grows. */
export interface TextDelta {
  type: "text_delta";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the text to append to the block. */
  delta: string;
}

/** A text block is complete. */
export interface TextEnd {
  type: "text_end";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the provider's signature of the whole block. */
  signature?: string;
  /** the sources of the text, as the model's API gives them. */
  citations?: Record<string, any>[];
}

/** A thinking block begins. */
export interface ThinkingStart {
  type: "thinking_start";
  /** the block's place in the message, from 0. */
  contentIndex: number;
}

/** A thinking block grows. */
export interface ThinkingDelta {
  type: "thinking_delta";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the text to append to the block. */
  delta: string;
}

/** A thinking block is complete. */
export interface ThinkingEnd {
  type: "thinking_end";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the provider's signature of the whole block. */
  signature?: string;
  /** the provider sent no readable text. */
  redacted?: boolean;
}

/** A tool call begins. In a provider's stream it has the provider's id. Watchers get the runtime's id. */
export interface ToolcallStart {
  type: "toolcall_start";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the runtime's id of the call; in a provider's stream, the provider's. */
  id: string;
  /** the tool's name. */
  name: string;
  /** the provider's id of the call; only watchers get it. */
  providerId?: string;
}

/** The arguments of a tool call grow. */
export interface ToolcallDelta {
  type: "toolcall_delta";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the JSON text to append to the arguments. */
  delta: string;
}

/** A tool call's arguments are complete. */
export interface ToolcallEnd {
  type: "toolcall_end";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the provider's signature of the whole call. */
  signature?: string;
}

/** A complete block that only the provider understands, such as a search that ran on its side. */
export interface OpaqueBlock {
  type: "opaque_block";
  /** the block's place in the message, from 0. */
  contentIndex: number;
  /** the block. */
  block: Opaque;
}

/** Why a run failed, for a person and for a program. */
export interface ErrorInfo {
  /** the type of an `AdjournError`, or `modelError` or `crashLoop`. */
  type: string;
  /** for a person. */
  message: string;
  /** only of internal errors: the log has the same id. */
  id?: string;
  /** only of failed model calls: what kind of failure. */
  kind?: "transient" | "terminal";
}

/** What a tool returned. */
export interface ToolOutput {
  /** for the model. */
  content: UserBlock[];
  /** for programs; the model doesn't see them. */
  details?: any;
}

/** The run begins. Sent at most once in a run. */
export interface AgentStart {
  type: "agent_start";
  /** the agent's name. */
  agent: string;
  /** the messages that the run was started with; open tool calls have got synthetic results. */
  input: Message[];
  /** given when the run was started. */
  metadata?: Record<string, any>;
  /** the principal that started the run; None: unknown. */
  by?: string;
}

/** The run has ended. Sent exactly once, always as the last event. */
export interface AgentEnd {
  type: "agent_end";
  /** how the run ended. */
  status: "completed" | "failed" | "aborted";
  /** completed: the last message's stop reason. failed: `modelError`, `maxTurns`, `maxTokens`, `maxCost`, `crashLoop`, or a middleware's reason. aborted: the reason in the abort request; `expired` after a deadline. */
  reason: string;
  /** the total of the run. */
  usage: Usage;
  /** only of a failed run. */
  error?: ErrorInfo;
  /** ms since the epoch: when the run is deleted; None: never. */
  expiresAt?: number;
}

/** The run waits: all open calls need a decision or a client. */
export interface AgentPaused {
  type: "agent_paused";
  /** ids of the waiting calls, in the model's order. */
  toolCallIds: string[];
  /** ms since the epoch: when the run is aborted if nobody acts; None: never. */
  expiresAt?: number;
}

/** The run goes on. After `recovered`, discard messages without `message_end` and partial tool results. */
export interface AgentResume {
  type: "agent_resume";
  /** why the run goes on. */
  reason: "decided" | "declined" | "expired" | "result" | "recovered";
}

/** The model call is retried. Discard what it has streamed. */
export interface AgentRetry {
  type: "agent_retry";
  /** 1 = the first retry. */
  attempt: number;
  /** why the last attempt failed, for a person. */
  reason: string;
  /** seconds until the retry, at least. */
  waitS?: number;
}

/** A middleware raised an exception. The model or tool call has failed; an `event` middleware is only skipped. */
export interface MiddlewareError {
  type: "middleware_error";
  /** the middleware's name. */
  middleware: string;
  /** what the middleware was handling. */
  where: "model" | "tool" | "event";
  /** the exception. */
  error: ErrorInfo;
  /** id of the model call or the tool call. */
  callId?: string;
}

/** The model is about to be asked. */
export interface TurnStart {
  type: "turn_start";
  /** the turn, from 1. */
  turn: number;
}

/** The turn is over. Its tool results have entered the transcript, in the order of the calls. */
export interface TurnEnd {
  type: "turn_end";
  /** the model's message in the turn. */
  message: AssistantMessage;
  /** one for each call in `message`. */
  toolResults: ToolResultMessage[];
}

/** The model's message begins. */
export interface MessageStart {
  type: "message_start";
  /** the message, still empty. */
  message: AssistantMessage;
}

/** The model's message grows. */
export interface MessageUpdate {
  type: "message_update";
  /** the stream event to apply to the message; a delta only, never the whole message. */
  assistantMessageEvent: StreamDelta;
}

/** The model's message is complete and in the transcript. */
export interface MessageEnd {
  type: "message_end";
  /** the whole message. */
  message: AssistantMessage;
}

/** A tool begins to execute. */
export interface ToolExecutionStart {
  type: "tool_execution_start";
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the tool that the model asked for. */
  toolName: string;
  /** the arguments it executes with: the edited ones, if any, else the model's. */
  args: Record<string, any>;
}

/** A tool reports progress. Each report replaces the last one. */
export interface ToolExecutionUpdate {
  type: "tool_execution_update";
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the tool that the model asked for. */
  toolName: string;
  /** any JSON value that the tool reports. */
  partialResult: any;
}

/** A call has its result. Calls that never executed get one too. */
export interface ToolExecutionEnd {
  type: "tool_execution_end";
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the tool that the model asked for. */
  toolName: string;
  /** what the tool returned. */
  result: ToolOutput;
  /** the tool failed, or never executed. */
  isError: boolean;
  /** the edited arguments, used in place of the model's; None: not edited. */
  arguments?: Record<string, any>;
}

/** A gated call waits for a decision. */
export interface ToolDecisionPending {
  type: "tool_decision_pending";
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the tool that the model asked for. */
  toolName: string;
  /** the model's arguments. */
  input: Record<string, any>;
  /** JSON Schema of the decision. */
  schema: Record<string, any>;
  /** the digest of `input`; a decision may carry it back. */
  digest: string;
  /** ms since the epoch: when the wait expires. */
  dueAt?: number;
  /** ms since the epoch: when the wait began. */
  since?: number;
  /** which arguments a decision may change. */
  editable?: boolean | string[];
  /** the decision is {approved, reason?}. */
  approval?: boolean;
  /** JSON Schema of the arguments, where some are editable. */
  parameters?: Record<string, any>;
  /** the tool's description, for people who decide. */
  description?: string;
}

/** A gated call no longer waits. */
export interface ToolDecisionResolved {
  type: "tool_decision_resolved";
  /** the runtime's id of the call. */
  toolCallId: string;
  /** `expired` without a `reason`: the tool's default decision applied; `decision` has it. */
  outcome: "decided" | "declined" | "expired" | "aborted";
  /** the principal that decided or declined; None: unknown. */
  by?: string;
  /** the decision. */
  decision?: any;
  /** why the call will not execute. */
  reason?: string;
  /** the edited arguments, which the tool gets in place of the model's. */
  arguments?: Record<string, any>;
  /** the digest of the edited arguments. */
  digest?: string;
  /** the tool that the model asked for. */
  toolName?: string;
  /** ms since the epoch: when the wait began. */
  since?: number;
}

/** A client-side call waits for a client. The first client that claims it executes it. */
export interface ToolClientExecutePending {
  type: "tool_client_execute_pending";
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the tool that the model asked for. */
  toolName: string;
  /** the arguments it executes with. */
  input: Record<string, any>;
  /** ms since the epoch: when the call was offered. */
  since?: number;
}

/** A client has claimed a client-side call. If the client gives the call back, it is offered again. */
export interface ToolClientClaimed {
  type: "tool_client_claimed";
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the principal that claimed it; None: unknown. */
  by?: string;
  /** ms since the epoch: when the claim expires; None: when the run ends. */
  dueAt?: number;
}

/** An event as it is sent to watchers. */
export interface Envelope {
  /** the run's id. */
  runId: string;
  /** strictly increases within the run, with gaps. Starts at 1; if the caller chose the run's id, at about the start time in µs. */
  seq: number;
  /** ms since the epoch. */
  time: number;
  /** the event. */
  event: Event;
}

/** A call that waits for a decision or a client. */
export interface PendingCall {
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the tool that the model asked for. */
  toolName: string;
  /** the model's arguments. */
  input: Record<string, any>;
  /** what the call waits for: a decision, or a client that executes it. */
  kind: "decision" | "client";
  /** JSON Schema of the decision. */
  schema?: Record<string, any>;
  /** the digest of `input`, for kind `decision`; a decision may carry it back. */
  digest?: string;
  /** ms since the epoch: when the wait for a decision, or the claim, expires. */
  dueAt?: number;
  /** ms since the epoch: when the wait began. */
  since?: number;
  /** which arguments a decision may change. */
  editable?: boolean | string[];
  /** the decision is {approved, reason?}. */
  approval?: boolean;
  /** JSON Schema of the arguments, where some are editable. */
  parameters?: Record<string, any>;
  /** a client has claimed the call. */
  claimed?: boolean;
  /** the principal that claimed it; None: unknown. */
  claimedBy?: string;
  /** the tool's description, for people who decide. */
  description?: string;
}

/** A call of the current turn that executes, or is done. */
export interface ToolView {
  /** the runtime's id of the call. */
  toolCallId: string;
  /** the tool that the model asked for. */
  toolName: string;
  /** the arguments it executes with: the edited ones, if any, else the model's. */
  args: Record<string, any>;
  /** the latest progress report of the tool. */
  partialResult?: any;
  /** None while it executes. */
  result?: ToolOutput;
  /** None while it executes. */
  isError?: boolean;
}

/** The whole visible state of a run at one `seq`. `pending` and `tools` are in the order of the model's calls. */
export interface Snapshot {
  /** the agent's name. */
  agent: string;
  /** the status of the run. */
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** the current turn, from 1; 0: the model has not been asked yet. */
  turn: number;
  /** all complete messages, including the input. */
  messages: Message[];
  /** the message that the model is streaming, as far as it has come; None: no message is under way. */
  streaming?: AssistantMessage;
  /** the calls that wait for a decision or a client. */
  pending: PendingCall[];
  /** the calls of the current turn that execute or are done. */
  tools: ToolView[];
  /** the total of the run's turns so far. */
  usage: Usage;
  /** why the run ended, as in `AgentEnd`. */
  reason?: string;
  /** only of a failed run. */
  error?: ErrorInfo;
  /** given when the run was started. */
  metadata?: Record<string, any>;
  /** the principal that started the run; None: unknown. */
  by?: string;
  /** ms since the epoch: when a paused run is aborted, or an ended run deleted; None: never. */
  expiresAt?: number;
}

/** The run began. */
export interface TimelineInput {
  kind: "input";
  /** ms since the epoch */
  at: number;
  /** how many the caller passed in, history included */
  messages: number;
  /** the first words of the last user message */
  text: string;
}

/** A tool call of a model's message. */
export interface TimelineCall {
  toolCallId: string;
  toolName: string;
}

/** The model answered. */
export interface TimelineMessage {
  kind: "message";
  /** ms since the epoch */
  at: number;
  /** its id */
  model: string;
  stopReason: string;
  usage: Usage;
  /** the first words */
  text: string;
  calls: TimelineCall[];
}

/** A gated call was settled. */
export interface TimelineDecision {
  kind: "decision";
  /** ms since the epoch */
  at: number;
  toolCallId: string;
  toolName: string;
  outcome: "decided" | "declined" | "expired" | "aborted";
  /** who decided or declined, where that is known */
  by?: string;
  decision?: any;
  /** why it was declined, expired or aborted */
  reason?: string;
  /** the decider's own, executed in place of the model's */
  arguments?: Record<string, any>;
}

/** A tool call has its result. */
export interface TimelineResult {
  kind: "result";
  /** ms since the epoch */
  at: number;
  toolCallId: string;
  toolName: string;
  isError: boolean;
  /** the first words */
  text: string;
  /** the client that executed it, or who declined it, where that is known */
  by?: string;
  /** the call was taken back from the clients that it was offered to */
  declined?: boolean;
}

/** The run is over. */
export interface TimelineEnd {
  kind: "end";
  /** ms since the epoch */
  at: number;
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  reason: string;
  /** of the whole run */
  usage: Usage;
  /** of a failed run */
  error?: ErrorInfo;
  /** who aborted it, where that is known */
  by?: string;
}

/** Limits of one run, each as tight as its agent's or tighter. None: the agent's own. */
export interface RunLimits {
  maxTurns?: number;
  /** in the currency of the model's prices */
  maxCost?: number;
  /** of all model calls together, cached ones included */
  maxTokens?: number;
  /** seconds from each pause on */
  parkedTtlS?: number;
  /** either may be chosen: it allows no more than the limits do */
  onLimit?: "fail" | "answer";
}

/** server.info: what is this server? */
export interface ServerInfo {
}

/** agents.list: what can run here? */
export interface AgentsList {
}

/** rpc.discover: describe all of this, for programs. */
export interface RpcDiscover {
}

/** run.start: begin a run. With a known `run_id` and the same agent and input it gives that run: safe to retry. */
export interface RunStart {
  /** its name */
  agent: string;
  /** text: one user message */
  input: string | Message[];
  /** None: the server makes one */
  runId?: string;
  /** comes back in snapshots */
  metadata?: Record<string, any>;
  /** a run whose transcript this one goes on from */
  after?: string;
  /** of this run alone, as tight as its agent's or tighter */
  limits?: RunLimits;
}

/** run.subscribe: watch a run, from a snapshot on, or from the events behind `after`. */
export interface RunSubscribe {
  runId: string;
  /** the last seq that the client has; 0: none */
  after?: number;
}

/** run.unsubscribe: watch it no longer. */
export interface RunUnsubscribe {
  runId: string;
}

/** run.resume: decide a gated call. */
export interface RunResume {
  runId: string;
  /** required; null is a decision too, if the schema says so */
  decision: any;
  /** may be left out while the run has had exactly one gated call */
  toolCallId?: string;
  /** of the input that the decider saw; required with `arguments` */
  digest?: string;
  /** edited: executed in place of the model's, where the tool allows it */
  arguments?: Record<string, any>;
}

/** run.decline: say no to a gated call, under any schema, or take back a call that is offered to clients. */
export interface RunDecline {
  runId: string;
  /** as in run.resume */
  toolCallId?: string;
  /** for the model */
  reason?: string;
}

/** run.claim: take a client-side call, before executing it. */
export interface RunClaim {
  runId: string;
  toolCallId: string;
  /** A random id of one client, kept secret: it survives a reload and isn't shared by two. The client that claimed a call gets its token again. Without it each claim has a token of its own, which is lost with the reply. */
  claimant?: string;
}

/** run.unclaim: give a claimed call back, not executed; it is offered to all clients again. */
export interface RunUnclaim {
  runId: string;
  toolCallId: string;
  /** that run.claim gave */
  claimToken: string;
}

/** run.result: what the client-side call gave. */
export interface RunResult {
  runId: string;
  toolCallId: string;
  /** that run.claim gave */
  claimToken: string;
  /** content blocks, or any value */
  result: any;
  /** the result says what went wrong */
  isError?: boolean;
}

/** run.abort: end the run. The reply comes when it is over. */
export interface RunAbort {
  runId: string;
  /** becomes that of the run's end */
  reason?: string;
}

/** run.get: a page of the run as it is now. Ask for the pages one by one, until one has no `next`. */
export interface RunGet {
  runId: string;
  /** messages before the page's first one */
  from?: number;
}

/** run.timeline: a page of what happened in the run, a step an entry, oldest first. */
export interface RunTimeline {
  runId: string;
  /** entries before the page's first one */
  from?: number;
}

/** run.list: a page of runs, newest first. */
export interface RunList {
  /** only runs in it */
  status?: "running" | "paused" | "completed" | "failed" | "aborted";
  /** only runs of it, by name */
  agent?: string;
  /** only runs that wait for somebody's decision */
  waiting?: boolean;
  limit?: number;
  /** `after` of the page before */
  after?: string;
}

/** run.delete: forget the run. Idempotent. */
export interface RunDelete {
  runId: string;
}

/** runs.watch: be told of every change in the list of runs, from now on. */
export interface RunsWatch {
  /** only of runs in it, or that leave it */
  status?: "running" | "paused" | "completed" | "failed" | "aborted";
  /** only of runs of it, by name */
  agent?: string;
  /** only of runs that wait for somebody's decision, or cease to */
  waiting?: boolean;
}

/** Done; there is nothing to say. */
export interface Empty {
}

/** Of server.info. */
export interface ServerDescription {
  name: string;
  /** of adjourn */
  version: string;
  /** the subprotocols */
  protocol: string[];
  /** name: maximum */
  limits: Record<string, any>;
}

/** A tool, as whoever decides or executes for it must know it. */
export interface ToolInfo {
  name: string;
  description: string;
  /** JSON Schema of the arguments */
  parameters: Record<string, any>;
  /** JSON Schema of the decision: the tool is gated */
  decision?: Record<string, any>;
  /** who executes it */
  runs: "server" | "client";
  /** the decision is {approved, reason?} */
  approval?: boolean;
  /** which arguments a decision may change */
  editable?: boolean | string[];
}

/** An agent that can be started. */
export interface AgentInfo {
  name: string;
  description: string;
  /** its id */
  model: string;
  tools: ToolInfo[];
}

/** Of agents.list. */
export interface AgentList {
  agents: AgentInfo[];
}

/** Of rpc.discover: what can be asked here, in the terms of OpenRPC, https://spec.open-rpc.org. */
export interface OpenRPCDocument {
  /** the version of that specification */
  openrpc: string;
  /** title, version of adjourn */
  info: Record<string, any>;
  methods: Record<string, any>[];
  /** schemas and errors, by name */
  components: Record<string, any>;
  "x-notifications"?: Record<string, any>[];
}

/** Of run.start. The caller is subscribed: events behind `seq` follow. */
export interface Started {
  runId: string;
  /** 0: all events follow, whatever the number of the first */
  seq: number;
}

/** Of run.subscribe and run.unsubscribe: where the run is. */
export interface Position {
  runId: string;
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** of the last event so far */
  seq: number;
  /** why the run can't go on in this server, for people */
  stranded?: string;
}

/** Of run.resume and run.decline: the decision is saved, and counts. */
export interface Settled {
  runId: string;
  toolCallId: string;
  /** of the last event so far */
  seq: number;
}

/** Of run.claim. */
export interface Claimed {
  /** comes back with the result */
  claimToken: string;
  /** ms since the epoch: when the claim ends without a result; None: with the run */
  dueAt?: number;
}

/** Of run.result and run.unclaim: it is saved. */
export interface ResultTaken {
  /** of the last event so far */
  seq: number;
}

/** Of run.abort: how the run ended. */
export interface Aborted {
  runId: string;
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** of the last event, agent_end */
  seq: number;
  /** tool calls that would not stop in time */
  abandoned: string[];
}

/** A call that waits, in a list of runs. */
export interface WaitingCall {
  toolCallId: string;
  toolName: string;
  /** what for: somebody's decision, or a client that executes it */
  kind: "decision" | "client";
  /** ms since the epoch */
  since?: number;
  /** ms since the epoch: when the wait, or the claim, expires; None: with the run */
  dueAt?: number;
}

/** A run in a list. Also the params of run.changed, where `deleted` may be set. */
export interface RunSummary {
  runId: string;
  agent: string;
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** ms since the epoch */
  createdAt: number;
  /** ms since the epoch */
  updatedAt: number;
  /** of the last event that is saved */
  seq: number;
  /** first words of the last user message, one line of at most 100 characters */
  title?: string;
  /** calls that wait for a decision or a client */
  pending: number;
  /** the first of them, at most MAX_LISTED_CALLS */
  calls?: WaitingCall[];
  /** ms since the epoch: since when a call has waited for a decision */
  waitingSince?: number;
  /** ms since the epoch: when the first of these waits expires */
  dueAt?: number;
  /** ms since the epoch: when a paused run is aborted, an ended one deleted; None: never */
  expiresAt?: number;
  /** who started it, where that is known */
  startedBy?: string;
  /** the code it needs is not loaded */
  stranded: boolean;
  /** it is in no list any more */
  deleted?: boolean;
}

/** Of run.list. */
export interface RunPage {
  runs: RunSummary[];
  /** absent: no more */
  after?: string;
}

/** Of run.get, and the params of run.snapshot: the state after event `seq`, or a part of it, where it is long. The parts of run.snapshot follow each other, with nothing else of that run in between; a client joins their `messages`, `pending` and `tools` until one has no `next`. All else is in the first. The pages of run.get may differ in `seq`: a client joins their `messages`, which are only ever added to, and takes all else from the last page. */
export interface RunSnapshot {
  runId: string;
  seq: number;
  snapshot: Snapshot;
  /** messages before the first one in it */
  from?: number;
  /** `from` of the part or page that follows; absent: the last */
  next?: number;
  /** of run.get: why the run can't go on in this server, for people */
  stranded?: string;
}

/** Of run.timeline: a page of entries. They are only ever added to. */
export interface Timeline {
  runId: string;
  entries: (TimelineInput | TimelineMessage | TimelineDecision | TimelineResult | TimelineEnd)[];
  /** entries before the first one in it */
  from: number;
  /** `from` of the page that follows; absent: the last */
  next?: number;
}

/** JSON-RPC's error member. */
export interface ErrorObject {
  /** JSON-RPC's own, or as in `errors` */
  code: number;
  /** for a person */
  message: string;
  /** for a program: `type`, and what that error carries */
  data?: Record<string, any>;
}

/** The params of run.unsubscribed: the server has ended a subscription, whose run goes on. */
export interface RunUnsubscribed {
  runId: string;
  /** why */
  error: ErrorObject;
}

/** The params of runs.unwatched: the server has ended `runs.watch`. Watch again, and list the runs anew. */
export interface RunsUnwatched {
  /** why */
  error: ErrorObject;
}

/** `type` of a refusal. */
export type ErrorType =
  | "agentNotFound"
  | "claimTaken"
  | "connectionLost"
  | "decisionConflict"
  | "decisionInvalid"
  | "forbidden"
  | "internal"
  | "invalidParams"
  | "limitExceeded"
  | "notPending"
  | "recordTooNew"
  | "runEnded"
  | "runIdConflict"
  | "runNotFound"
  | "shuttingDown"
  | "staleEpoch"
  | "storeCorrupt"
  | "storeInUse"
  | "storeTooNew"
  | "storeUnavailable"
  | "stranded"
  | "toolCallIdRequired"
  | "unauthorized"
  | "versionConflict";

/** The gateway's methods. */
export interface Methods {
  "server.info": { params: ServerInfo; result: ServerDescription };
  "agents.list": { params: AgentsList; result: AgentList };
  "rpc.discover": { params: RpcDiscover; result: OpenRPCDocument };
  "run.start": { params: RunStart; result: Started };
  "run.subscribe": { params: RunSubscribe; result: Position };
  "run.unsubscribe": { params: RunUnsubscribe; result: Position };
  "run.resume": { params: RunResume; result: Settled };
  "run.decline": { params: RunDecline; result: Settled };
  "run.claim": { params: RunClaim; result: Claimed };
  "run.unclaim": { params: RunUnclaim; result: ResultTaken };
  "run.result": { params: RunResult; result: ResultTaken };
  "run.abort": { params: RunAbort; result: Aborted };
  "run.get": { params: RunGet; result: RunSnapshot };
  "run.timeline": { params: RunTimeline; result: Timeline };
  "run.list": { params: RunList; result: RunPage };
  "run.delete": { params: RunDelete; result: Empty };
  "runs.watch": { params: RunsWatch; result: Empty };
}

/** What the gateway says unasked. */
export interface Notifications {
  "run.event": Envelope;
  "run.snapshot": RunSnapshot;
  "run.unsubscribed": RunUnsubscribed;
  "run.changed": RunSummary;
  "runs.unwatched": RunsUnwatched;
}
