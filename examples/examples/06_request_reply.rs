//! Questions and answers: one answer, no one there, an answer from everybody.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tradewind_bus::{Bus, Delivery, RequestError, Subscription};
use tradewind_examples::connect;

#[derive(Serialize, Deserialize)]
struct Question {
    item: String,
    amount: u32,
}

#[derive(Serialize, Deserialize)]
struct Price {
    cents: u32,
}

const WAIT: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("06_request_reply").await?;
    let bus = &example.bus;
    // Two instances in one group: each question is answered by one of them.
    let _prices = [price_service(bus).await?, price_service(bus).await?];
    // Without a group everybody answers.
    let _north = health_service(bus, "north").await?;
    let _south = health_service(bus, "south").await?;

    let question = Question { item: "tea".to_owned(), amount: 3 };
    let answer = bus.request::<Price>("service.price", &question, WAIT).await?;
    println!("3 tea: {} cents", answer.data.cents);

    // What a service has no answer to, it leaves unanswered.
    let question = Question { item: "unicorn".to_owned(), amount: 1 };
    let short = Duration::from_millis(300);
    match bus.request::<Price>("service.price", &question, short).await {
        Err(error @ RequestError::TimedOut { .. }) => println!("unicorn: {error}"),
        other => anyhow::bail!("expected no answer: {:?}", other.map(|it| it.data.cents)),
    }

    // Nobody listens: that is known at once, not after the wait.
    match bus.request::<Price>("service.weather", "sun?", WAIT).await {
        Err(error @ RequestError::NoResponders { .. }) => println!("weather: {error}"),
        other => anyhow::bail!("expected nobody: {:?}", other.map(|it| it.data.cents)),
    }

    let answers = bus.gather::<String>("service.health", "well?", 2, WAIT).await?;
    let mut names: Vec<String> =
        answers.into_iter().map(|it| it.map(|it| it.data)).collect::<Result<_, _>>()?;
    names.sort();
    println!("healthy: {}", names.join(", "));
    example.close().await
}

async fn price_service(bus: &Bus) -> anyhow::Result<Subscription> {
    let builder = bus.subscribe::<Question>("service.price").group("prices");
    let respond = builder.respond(|question: Delivery<Question>| async move {
        let Question { item, amount } = question.data;
        (item == "tea").then(|| Price { cents: 250 * amount })
    });
    Ok(respond.await?)
}

async fn health_service(bus: &Bus, name: &'static str) -> anyhow::Result<Subscription> {
    let builder = bus.subscribe::<String>("service.health");
    Ok(builder.respond(move |_: Delivery<String>| std::future::ready(Some(name))).await?)
}
