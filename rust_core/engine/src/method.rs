//! The methods that the engine serves: names, shapes and lanes. Both servers build their routing from this table.

/// How messages flow between caller and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One request, one response: [`Engine::call`](crate::Engine::call).
    Unary,
    /// One request, any number of responses: [`Engine::open`](crate::Engine::open).
    ServerStream,
    /// Any number of both: [`Engine::open`](crate::Engine::open).
    BidiStream,
}

/// Which calls may hold each other up in a server that gives each call a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Short work.
    Predict,
    /// Long work.
    Fit,
    /// Calls that stay open.
    Stream,
}

macro_rules! methods {
    ($($variant:ident $path:literal $shape:ident $lane:ident;)*) => {
        /// A method of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the proto file says what each does
        pub enum Method { $($variant,)* }

        impl Method {
            /// Every method.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The method of an HTTP/2 `:path`, as `/package.Service/Method`.
            #[must_use]
            pub fn from_path(path: &str) -> Option<Self> {
                match path { $($path => Some(Self::$variant),)* _ => None }
            }

            /// The HTTP/2 `:path`.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)* }
            }

            /// How messages flow.
            #[must_use]
            pub const fn shape(self) -> Shape {
                match self { $(Self::$variant => Shape::$shape,)* }
            }

            /// Which thread pool of a blocking server it belongs to.
            #[must_use]
            pub const fn lane(self) -> Lane {
                match self { $(Self::$variant => Lane::$lane,)* }
            }
        }
    };
}

methods! {
    Predict "/ferrule.v1.PredictionService/Predict" Unary Predict;
    FitPredict "/ferrule.v1.PredictionService/FitPredict" Unary Fit;
    ListModels "/ferrule.v1.ModelService/ListModels" Unary Predict;
    GetModel "/ferrule.v1.ModelService/GetModel" Unary Predict;
    LoadModel "/ferrule.v1.ModelService/LoadModel" Unary Predict;
    UnloadModel "/ferrule.v1.ModelService/UnloadModel" Unary Predict;
    HealthCheck "/grpc.health.v1.Health/Check" Unary Predict;
    HealthList "/grpc.health.v1.Health/List" Unary Predict;
    HealthWatch "/grpc.health.v1.Health/Watch" ServerStream Stream;
    Reflection "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" BidiStream Stream;
    ReflectionAlpha "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" BidiStream Stream;
}

impl Method {
    /// Full name of the service, as `package.Service`.
    #[must_use]
    pub fn service(self) -> &'static str {
        self.path()[1..].split_once('/').map_or("", |(service, _)| service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_contract_is_served_with_its_shape() {
        let pool = prost_reflect::DescriptorPool::decode(ferrule_proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut described: Vec<_> = pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .map(|method| {
                let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
                let shape = match (method.is_client_streaming(), method.is_server_streaming()) {
                    (false, false) => Shape::Unary,
                    (false, true) => Shape::ServerStream,
                    (true, true) => Shape::BidiStream,
                    (true, false) => panic!("{path} streams to the server only"),
                };
                (path, format!("{shape:?}"))
            })
            .collect();
        let mut served: Vec<_> = Method::ALL
            .iter()
            .map(|method| (method.path().to_owned(), format!("{:?}", method.shape())))
            .collect();
        described.sort();
        served.sort();
        assert_eq!(described, served);
        for &method in Method::ALL {
            assert_eq!(Method::from_path(method.path()), Some(method));
        }
    }
}
