"""The same answers for clients that speak OpenAI's interface: chat completions, responses, models."""
