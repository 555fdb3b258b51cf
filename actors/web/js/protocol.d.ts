/** What travels between a client and an adjourn server. Made from the structs by `wire_types.py`. */

export type Message = UserMessage | AssistantMessage | ToolResultMessage;

export type UserBlock = Text | Image | ImageURL | File | Audio;

export type AssistantBlock = Text | Thinking | ToolCall | Opaque;

export type Event = AgentStart | AgentEnd | AgentPaused | AgentResume | AgentRetry | MiddlewareError | TurnStart | TurnEnd | MessageStart | MessageUpdate | MessageEnd | ToolExecutionStart | ToolExecutionUpdate | ToolExecutionEnd | ToolDecisionPending | ToolDecisionResolved | ToolClientExecutePending | ToolClientClaimed;

export type StreamDelta = Start | TextStart | TextDelta | TextEnd | ThinkingStart | ThinkingDelta | ThinkingEnd | ToolcallStart | ToolcallDelta | ToolcallEnd | OpaqueBlock;

/** Plain text. */
export interface Text {
  type: "text";
  /** the text. */
  text: string;
  /** of a model's text: the provider's signature, of use to the same model only. */
  signature?: string;
  /** of a model's text: its sources, as the API of the message's `api` writes them. */
  citations?: Record<string, any>[];
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
}

/** An inline image. */
export interface Image {
  type: "image";
  /** the image, base64. */
  data: string;
  /** its type: `image/png`, … */
  mimeType: string;
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
}

/** An image at an address. The provider loads it from there, not this program. */
export interface ImageURL {
  type: "imageUrl";
  /** the address, http or https. Any other address becomes a note to the model. */
  url: string;
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
}

/** A document, such as a PDF. It has `data`, or a `url` from which the provider loads it. `data` wins over `url`. */
export interface File {
  type: "file";
  /** its type: `application/pdf`, `text/plain`, … */
  mimeType: string;
  /** the document, base64. */
  data?: string;
  /** the address, http or https. */
  url?: string;
  /** the file's name: `report.pdf`. */
  name?: string;
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
}

/** A sound recording. */
export interface Audio {
  type: "audio";
  /** the recording, base64. */
  data: string;
  /** its type: `audio/wav`, `audio/mpeg`. */
  mimeType: string;
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
}

/** A model's reasoning, with the provider's signature if it sent one. */
export interface Thinking {
  type: "thinking";
  /** the text of the reasoning. */
  thinking: string;
  /** the provider's signature. Without it the provider does not take the block back. */
  signature?: string;
  /** `true`: there is no text to read, only the signature. */
  redacted?: boolean;
}

/** A tool call of the model. */
export interface ToolCall {
  type: "toolCall";
  /** the call's id. The runtime makes it, and it is unique for ever: the idempotency key for other systems. */
  id: string;
  /** the tool's name. */
  name: string;
  /** the arguments, by name. */
  arguments: Record<string, any>;
  /** the model's own text, where it is no JSON object that every wire can carry. */
  rawArguments?: string;
  /** the id that the provider gave. */
  providerId?: string;
  /** the provider's signature, of use to the same model only. */
  signature?: string;
}

/** A provider's own block, such as a web search or a picture that the model made. The block is sent back to its provider, if the provider accepts it. Other providers get a note instead. */
export interface Opaque {
  type: "opaque";
  /** the API that `raw` belongs to, as in the `ModelDescriptor`. */
  api: string;
  /** the provider's own type of the block; of chat completions, the field of the message that it was in. */
  kind: string;
  /** the provider's block, as JSON text. */
  raw: string;
}

/** Amounts of money, in the currency of the model's prices. In a model descriptor: prices per million tokens. */
export interface Cost {
  /** for input tokens that no cache was used for. */
  input: number;
  /** for output tokens. */
  output: number;
  /** for input tokens read from the provider's cache. */
  cacheRead: number;
  /** for input tokens written to the provider's cache. */
  cacheWrite: number;
  /** the sum of the four; 0 in prices. */
  total: number;
}

/** Tokens of one model call, or of a run so far. `total_tokens` is the sum of the four. */
export interface Usage {
  /** input tokens, without those read from or written to the provider's cache. */
  input: number;
  /** output tokens. */
  output: number;
  /** input tokens read from the provider's cache. */
  cacheRead: number;
  /** input tokens written to the provider's cache. */
  cacheWrite: number;
  /** the sum of the four. */
  totalTokens: number;
  /** what the tokens cost, by the model descriptor's prices. */
  cost: Cost;
  /** how many of the `output` tokens are the model's reasoning, where the provider says so. */
  reasoning?: number;
  /** the charge that the provider states, in its currency. Absent: it states none. */
  providerCost?: number;
}

/** A message from a person. */
export interface UserMessage {
  role: "user";
  /** text, or content blocks. */
  content: string | UserBlock[];
  /** when it was written, in milliseconds since the epoch. */
  timestamp: number;
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
}

/** A complete message from the model, and how it ended. */
export interface AssistantMessage {
  role: "assistant";
  /** content blocks, in the model's order. */
  content: AssistantBlock[];
  /** the API that the model was asked by, as in the `ModelDescriptor`. */
  api: string;
  /** the provider, as in the `ModelDescriptor`. */
  provider: string;
  /** the model's id, as in the `ModelDescriptor`. */
  model: string;
  /** tokens and cost of this model call, with all its attempts. */
  usage: Usage;
  /** why the message ended. */
  stopReason: "stop" | "length" | "toolUse" | "error" | "aborted";
  /** of a model call that failed: what happened, for a person. */
  errorMessage?: string;
  /** of a model call that failed: `transient`: the same call may succeed later; `terminal`: it will fail again. */
  errorKind?: "transient" | "terminal";
  /** the provider's id of the response, for its support. */
  responseId?: string;
  /** when it ended, in milliseconds since the epoch. */
  timestamp: number;
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
}

/** The result of a tool call. */
export interface ToolResultMessage {
  role: "toolResult";
  /** the tool call's id. */
  toolCallId: string;
  /** the tool's name. */
  toolName: string;
  /** the result, for the model. */
  content: UserBlock[];
  /** `true`: the tool failed, or never executed. */
  isError: boolean;
  /** the result, for programs. The model does not see it. */
  details?: any;
  /** when it was made, in milliseconds since the epoch. */
  timestamp: number;
  /** marks all up to here as worth keeping in the provider's prompt cache. Absent: no mark. */
  cache?: "short" | "long";
  /** the arguments that the decider edited and the tool executed with. Absent: the model's own. */
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
  /** the principal that started the run; absent: unknown. */
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
  /** ms since the epoch: when the run is deleted; absent: never. */
  expiresAt?: number;
}

/** The run waits: all open calls need a decision or a client. */
export interface AgentPaused {
  type: "agent_paused";
  /** ids of the waiting calls, in the model's order. */
  toolCallIds: string[];
  /** ms since the epoch: when the run is aborted if nobody acts; absent: never. */
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
  /** the edited arguments, used in place of the model's; absent: not edited. */
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
  /** the principal that decided or declined; absent: unknown. */
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
  /** the principal that claimed it; absent: unknown. */
  by?: string;
  /** ms since the epoch: when the claim expires; absent: when the run ends. */
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
  /** the principal that claimed it; absent: unknown. */
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
  /** Absent while it executes. */
  result?: ToolOutput;
  /** Absent while it executes. */
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
  /** the message that the model is streaming, as far as it has come; absent: no message is under way. */
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
  /** the principal that started the run; absent: unknown. */
  by?: string;
  /** ms since the epoch: when a paused run is aborted, or an ended run deleted; absent: never. */
  expiresAt?: number;
}

/** The run began. */
export interface TimelineInput {
  kind: "input";
  /** when, in milliseconds since the epoch. */
  at: number;
  /** how many messages the caller passed in, history included. */
  messages: number;
  /** the first words of the last user message. */
  text: string;
}

/** A tool call of a model's message. */
export interface TimelineCall {
  /** the tool call's id. */
  toolCallId: string;
  /** the tool's name. */
  toolName: string;
}

/** The model answered. */
export interface TimelineMessage {
  kind: "message";
  /** when, in milliseconds since the epoch. */
  at: number;
  /** the model's id. */
  model: string;
  /** why the message ended. */
  stopReason: string;
  /** tokens and cost of this model call. */
  usage: Usage;
  /** the message's first words. */
  text: string;
  /** its tool calls. */
  calls: TimelineCall[];
}

/** A gated call was settled. */
export interface TimelineDecision {
  kind: "decision";
  /** when, in milliseconds since the epoch. */
  at: number;
  /** the tool call's id. */
  toolCallId: string;
  /** the tool's name. */
  toolName: string;
  /** how the call was settled. */
  outcome: "decided" | "declined" | "expired" | "aborted";
  /** name of the principal that decided or declined, where that is known. */
  by?: string;
  /** the decision. */
  decision?: any;
  /** why it was declined, expired or aborted. */
  reason?: string;
  /** the decider's arguments, executed in place of the model's. */
  arguments?: Record<string, any>;
}

/** A tool call has its result. */
export interface TimelineResult {
  kind: "result";
  /** when, in milliseconds since the epoch. */
  at: number;
  /** the tool call's id. */
  toolCallId: string;
  /** the tool's name. */
  toolName: string;
  /** `true`: the tool failed, or never executed. */
  isError: boolean;
  /** the result's first words. */
  text: string;
  /** name of the client that executed the call, or of the principal that declined it, where that is known. */
  by?: string;
  /** `true`: the call was taken back from the clients that it was offered to. */
  declined?: boolean;
}

/** The run has ended. */
export interface TimelineEnd {
  kind: "end";
  /** when, in milliseconds since the epoch. */
  at: number;
  /** the status that the run ended in. */
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** why it ended. */
  reason: string;
  /** tokens and cost of the whole run. */
  usage: Usage;
  /** the error of a failed run. */
  error?: ErrorInfo;
  /** name of the principal that aborted it, where that is known. */
  by?: string;
}

/** The limits of one run, each as tight as its agent's or tighter. Absent: the agent's limit. */
export interface RunLimits {
  /** model calls. */
  maxTurns?: number;
  /** cost, in the currency of the model's prices. */
  maxCost?: number;
  /** tokens of all model calls together, cached ones included. */
  maxTokens?: number;
  /** seconds that the run may wait, from each pause on. */
  parkedTtlS?: number;
  /** as in `Limits`. Either value may be chosen, because it allows no more than the limits do. */
  onLimit?: "fail" | "answer";
}

/** A waiting call, in a list of runs. */
export interface WaitingCall {
  /** the tool call's id. */
  toolCallId: string;
  /** the tool's name. */
  toolName: string;
  /** what it waits for: a `decision`, or a `client` that executes it. */
  kind: "decision" | "client";
  /** when it began to wait, in milliseconds since the epoch. */
  since?: number;
  /** when the wait, or the claim, expires, in milliseconds since the epoch. Absent: with the run. */
  dueAt?: number;
}

/** A run in a list. Also the params of run.changed, where `deleted` may be set. */
export interface RunSummary {
  /** the run's id. */
  runId: string;
  /** the agent's name. */
  agent: string;
  /** the run's status. */
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** when the run began, in milliseconds since the epoch. */
  createdAt: number;
  /** when it was last saved, in milliseconds since the epoch. */
  updatedAt: number;
  /** the number of the last event that is saved. */
  seq: number;
  /** the first words of the last user message, in one line of at most 100 characters. */
  title?: string;
  /** how many calls wait for a decision or a client. */
  pending: number;
  /** the first of these calls, at most 16. */
  calls?: WaitingCall[];
  /** since when a call has waited for a decision, in milliseconds since the epoch. Absent: no call waits. */
  waitingSince?: number;
  /** when the first of these waits expires, in milliseconds since the epoch. */
  dueAt?: number;
  /** when a paused run is aborted, or an ended one deleted, in milliseconds since the epoch. Absent: never. */
  expiresAt?: number;
  /** name of the principal that started the run, where that is known. */
  startedBy?: string;
  /** `true`: the code that the run needs is not loaded. */
  stranded: boolean;
  /** `true`: the run is deleted, or no longer matches the list. */
  deleted?: boolean;
}

/** An actor's mailbox at one moment. */
export interface ActorMailbox {
  /** messages that the actor has not received yet. */
  waiting: number;
  /** messages that fit. */
  capacity: number;
  /** senders that wait for room. */
  senders?: number;
  /** received messages whose askers still wait. */
  unanswered?: number;
}

/** A restart of an actor. */
export interface ActorRestart {
  /** the actor's name. */
  name: string;
  /** when it went down, in milliseconds since the epoch. */
  at: number;
  /** why, for people, in at most 200 characters. */
  cause: string;
}

/** An actor or a supervisor at one moment, with everything below it. */
export interface ActorNode {
  /** its name, in at most 200 characters. */
  name: string;
  /** what it is: an `actor`, a `supervisor`, or the actor of a `run`. */
  kind: "actor" | "supervisor" | "run";
  /** `idle`: it waits for mail. `busy`: it does something else. `restarting`: it is down until its next start. `stopping`: it was asked to stop. */
  state: "idle" | "busy" | "restarting" | "stopping";
  /** when it is restarted: `permanent`: after any end; `transient`: after a crash; `temporary`: never. */
  restart: "permanent" | "transient" | "temporary";
  /** what it waits for, other than mail, for people: of a run `the model` or `a decision on refund_order`, of other actors the place in their code, as `fetch (crawler.py:31)`. Absent: unknown, or it waits for mail. */
  waitsFor?: string;
  /** when it was last started, in milliseconds since the epoch. Absent: it is not started. */
  startedAt?: number;
  /** how often it was restarted. */
  restarts: number;
  /** its mailbox. Absent: it is a supervisor. */
  mailbox?: ActorMailbox;
  /** the run, of kind `run`. */
  run?: RunSummary;
  /** of a supervisor: the living children, in the order in which they were started. */
  children?: ActorNode[];
  /** of a supervisor: how many further children it has, beyond the limit or the depth. */
  more: number;
  /** `true`: it may have further children that `more` does not count, because some of them may be hidden from the client. */
  uncounted?: boolean;
  /** of a supervisor: how many restarts it allows now before it gives up. */
  restartsLeft?: number;
  /** of a supervisor: the latest restarts of its children, oldest first, at most 16. */
  recent?: ActorRestart[];
}

/** The result of system.tree: the living actors at one moment. Runs that are not in memory have no actor. */
export interface ActorTree {
  /** that moment, in milliseconds since the epoch. */
  at: number;
  /** the first supervisor. Its child `runs` is the supervisor of the runs. */
  root: ActorNode;
}

/** server.info: describe the server. */
export interface ServerInfo {
}

/** agents.list: list the agents that can be started. */
export interface AgentsList {
}

/** nodes.list: list the other servers that share the store, to use one of them when this one is lost. */
export interface NodesList {
}

/** rpc.discover: describe all methods, as an OpenRPC document. */
export interface RpcDiscover {
}

/** run.start: start a run. Safe to retry with a `run_id`: the same agent and input give the same run again. */
export interface RunStart {
  /** the agent's name. */
  agent: string;
  /** text, which becomes one user message, or messages. */
  input: string | Message[];
  /** the new run's id, chosen by the caller. Absent: the server makes one. */
  runId?: string;
  /** the caller's own data. Snapshots have it. */
  metadata?: Record<string, any>;
  /** the id of a run whose transcript this run goes on from. */
  after?: string;
  /** limits of this run alone, each as tight as its agent's or tighter. */
  limits?: RunLimits;
}

/** run.subscribe: watch a run. The stream begins with a snapshot, or with the events after `after`. */
export interface RunSubscribe {
  /** the run's id. */
  runId: string;
  /** the last `seq` that the client has; 0: none. Absent: a snapshot comes first. */
  after?: number;
}

/** run.unsubscribe: stop watching a run. */
export interface RunUnsubscribe {
  /** the run's id. */
  runId: string;
}

/** run.resume: decide a gated call. */
export interface RunResume {
  /** the run's id. */
  runId: string;
  /** the decision. Required: null counts as a decision where the schema allows it. */
  decision: any;
  /** the gated call's id. It may be left out while the run has had exactly one gated call. */
  toolCallId?: string;
  /** the digest of the arguments that the decider saw. Required with `arguments`. */
  digest?: string;
  /** edited arguments, executed in place of the model's, where the tool allows that. */
  arguments?: Record<string, any>;
}

/** run.decline: decline a gated call, whatever its schema, or a call that is offered to clients. */
export interface RunDecline {
  /** the run's id. */
  runId: string;
  /** the call's id. It may be left out while the run has had exactly one gated call. */
  toolCallId?: string;
  /** why, for the model. */
  reason?: string;
}

/** run.claim: claim a client-side call before executing it. */
export interface RunClaim {
  /** the run's id. */
  runId: string;
  /** the tool call's id. */
  toolCallId: string;
  /** a random id of one client, kept secret: the client keeps it over a reload, and no two clients share it. A client that claims its call again gets the same token. Absent: each claim has a token of its own, which is lost if the reply is lost. */
  claimant?: string;
}

/** run.unclaim: give back a claimed call that was not executed. It is offered to all clients again. */
export interface RunUnclaim {
  /** the run's id. */
  runId: string;
  /** the tool call's id. */
  toolCallId: string;
  /** the token that `run.claim` gave. */
  claimToken: string;
}

/** run.result: report the result of a claimed call. */
export interface RunResult {
  /** the run's id. */
  runId: string;
  /** the tool call's id. */
  toolCallId: string;
  /** the token that `run.claim` gave. */
  claimToken: string;
  /** content blocks, or any value. */
  result: any;
  /** `true`: the call failed, and the result says why. */
  isError?: boolean;
}

/** run.abort: abort the run. The reply comes when the run has ended. */
export interface RunAbort {
  /** the run's id. */
  runId: string;
  /** why. It becomes the `reason` of the run's end. */
  reason?: string;
}

/** run.get: read a page of the run's current state. Read page after page, until one has no `next`. */
export interface RunGet {
  /** the run's id. */
  runId: string;
  /** how many messages to skip: those before the page's first one. */
  from?: number;
}

/** run.timeline: read a page of the run's history, one entry a step, oldest first. */
export interface RunTimeline {
  /** the run's id. */
  runId: string;
  /** how many entries to skip: those before the page's first one. */
  from?: number;
}

/** run.list: read a page of runs, newest first. */
export interface RunList {
  /** only runs in this status. */
  status?: "running" | "paused" | "completed" | "failed" | "aborted";
  /** only runs of the agent with this name. */
  agent?: string;
  /** `true`: only runs that wait for a decision. */
  waiting?: boolean;
  /** runs a page, at most. */
  limit?: number;
  /** the `after` of the page before. Absent: the first page. */
  after?: string;
}

/** run.delete: delete the run. Idempotent. */
export interface RunDelete {
  /** the run's id. */
  runId: string;
}

/** runs.watch: get a notification of every change in the list of runs, from now on. */
export interface RunsWatch {
  /** only runs that are in this status, or leave it. */
  status?: "running" | "paused" | "completed" | "failed" | "aborted";
  /** only runs of the agent with this name. */
  agent?: string;
  /** `true`: only runs that wait for a decision, or no longer do. */
  waiting?: boolean;
}

/** system.tree: read the living tree of actors, with the runs in memory. Ask again to follow it. */
export interface SystemTree {
  /** actors and supervisors in the answer, at most. Those near the root come first. */
  limit?: number;
  /** levels below the root, at most. */
  depth?: number;
}

/** The result of methods that return nothing. */
export interface Empty {
}

/** The result of server.info. */
export interface ServerDescription {
  /** the server's name. */
  name: string;
  /** the version of adjourn. */
  version: string;
  /** the WebSocket subprotocols that it speaks. */
  protocol: string[];
  /** its limits, by name. */
  limits: Record<string, any>;
  /** where browsers reach it, as `https://runs.example.org`. Only a server that shares its store has one. */
  url?: string;
}

/** Another server that shares the store. */
export interface NodeInfo {
  /** where browsers reach it, as `https://runs.example.org`: its page is there. */
  url: string;
}

/** The result of nodes.list. */
export interface NodeList {
  /** the servers that are alive, answer this one, and have a URL for browsers. */
  nodes: NodeInfo[];
}

/** A tool, described for clients that decide its calls or execute them. */
export interface ToolInfo {
  /** the tool's name. */
  name: string;
  /** what it does. */
  description: string;
  /** JSON Schema of the arguments. */
  parameters: Record<string, any>;
  /** JSON Schema of the decision. Absent: the tool is not gated. */
  decision?: Record<string, any>;
  /** where it executes: `server`, or `client`: in a client that claims the call. */
  runs: "server" | "client";
  /** `true`: the decision is `{approved, reason?}`. */
  approval?: boolean;
  /** the arguments that a decision may change, by name. `true`: all; `false`: none. */
  editable?: boolean | string[];
}

/** An agent that can be started. */
export interface AgentInfo {
  /** the agent's name. */
  name: string;
  /** what it does, for people. */
  description: string;
  /** the model's id. */
  model: string;
  /** its tools. */
  tools: ToolInfo[];
}

/** The result of agents.list. */
export interface AgentList {
  /** the agents. */
  agents: AgentInfo[];
}

/** The result of rpc.discover: all methods, as in https://spec.open-rpc.org. */
export interface OpenRPCDocument {
  /** the version of that specification. */
  openrpc: string;
  /** title, and version of adjourn. */
  info: Record<string, any>;
  /** the methods. */
  methods: Record<string, any>[];
  /** schemas and errors, by name. */
  components: Record<string, any>;
  /** the notifications, each with the schema of its params. */
  "x-notifications"?: Record<string, any>[];
}

/** The result of run.start. The caller is subscribed: the events after `seq` follow. */
export interface Started {
  /** the run's id. */
  runId: string;
  /** the caller gets the events after this one. 0: all events. */
  seq: number;
}

/** The result of run.subscribe and run.unsubscribe: the run's current position. */
export interface Position {
  /** the run's id. */
  runId: string;
  /** the run's status. */
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** the number of the run's last event so far. */
  seq: number;
  /** why the run can't go on in this server, for people. Absent: it can. */
  stranded?: string;
}

/** The result of run.resume and run.decline: the decision is saved and valid. */
export interface Settled {
  /** the run's id. */
  runId: string;
  /** the tool call's id. */
  toolCallId: string;
  /** the number of the run's last event so far. */
  seq: number;
}

/** The result of run.claim. */
export interface Claimed {
  /** the token that must come with the result. */
  claimToken: string;
  /** when the claim expires, in milliseconds since the epoch. Absent: with the run. */
  dueAt?: number;
}

/** The result of run.result and run.unclaim: the change is saved. */
export interface ResultTaken {
  /** the number of the run's last event so far. */
  seq: number;
}

/** The result of run.abort: how the run ended. */
export interface Aborted {
  /** the run's id. */
  runId: string;
  /** the status that the run ended in. */
  status: "running" | "paused" | "completed" | "failed" | "aborted";
  /** the number of the run's last event, `agent_end`. */
  seq: number;
  /** ids of the tool calls that did not stop in time. */
  abandoned: string[];
}

/** The result of run.list. */
export interface RunPage {
  /** the runs. */
  runs: RunSummary[];
  /** the cursor of the next page. Absent: this is the last page. */
  after?: string;
}

/** The result of run.get, and the params of run.snapshot: the state after event `seq`, or a part of a long state. The parts of a run.snapshot come one after another, without other notifications of that run between them. A client joins their `messages`, `pending` and `tools` until a part has no `next`. The first part has all other fields. The pages of run.get may differ in `seq`. A client joins their `messages`, which only grow, and takes all other fields from the last page. */
export interface RunSnapshot {
  /** the run's id. */
  runId: string;
  /** the number of the last event that the snapshot includes. */
  seq: number;
  /** the state of the run. */
  snapshot: Snapshot;
  /** how many messages come before the first one here. */
  from?: number;
  /** the `from` of the next part or page. Absent: this is the last one. */
  next?: number;
  /** of `run.get`: why the run can't go on in this server, for people. Absent: it can. */
  stranded?: string;
}

/** The result of run.timeline: a page of entries. Later entries are added, and existing ones never change. */
export interface Timeline {
  /** the run's id. */
  runId: string;
  /** the entries, oldest first. */
  entries: (TimelineInput | TimelineMessage | TimelineDecision | TimelineResult | TimelineEnd)[];
  /** how many entries come before the first one here. */
  from: number;
  /** the `from` of the next page. Absent: this is the last page. */
  next?: number;
}

/** JSON-RPC's error member. */
export interface ErrorObject {
  /** JSON-RPC's own code, or one of adjourn's. */
  code: number;
  /** what happened, for a person. */
  message: string;
  /** for a program: `type`, and what an error of that type carries. */
  data?: Record<string, any>;
}

/** The params of run.unsubscribed: the server has ended a subscription. The run itself goes on. */
export interface RunUnsubscribed {
  /** the run's id. */
  runId: string;
  /** why. */
  error: ErrorObject;
}

/** The params of runs.unwatched: the server has ended `runs.watch`. Watch again, and read the list of runs again. */
export interface RunsUnwatched {
  /** why. */
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
  | "runElsewhere"
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
  "system.tree": { params: SystemTree; result: ActorTree };
  "nodes.list": { params: NodesList; result: NodeList };
}

/** What the gateway says unasked. */
export interface Notifications {
  "run.event": Envelope;
  "run.snapshot": RunSnapshot;
  "run.unsubscribed": RunUnsubscribed;
  "run.changed": RunSummary;
  "runs.unwatched": RunsUnwatched;
}
