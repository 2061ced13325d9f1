"""A run on view in a browser: pictures, figures and events over HTTP, while it goes on and after it.

    a run's threads ──▶ Hub, one Camera each ──▶ the server's own thread ──▶ browsers, programs, webhooks
                        newest frame, figures,     app, guard, live
                        history, events

A run only puts what is newest into the hub. Whoever looks makes the server draw and encode, in its own threads.
"""
